from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from latprof.report.document import Column, Document, Paragraph, Row, Table, Words
from latprof.report.markdown import markdown
from latprof.report.summary import summary


def bars_of(line):
    return len(re.findall(r"(?<!\\)\|", line))


def test_every_table_has_as_many_cells_in_each_row(any_run):
    tables = re.split(r"\n\n", markdown(summary(any_run)))
    for table in (part for part in tables if part.startswith("|")):
        assert len({bars_of(line) for line in table.splitlines()}) == 1


@given(st.text(min_size=1, max_size=40))
def test_no_name_breaks_out_of_its_cell(name):
    line = " ".join(name.split()) or "x"
    table = Table("t", (Column("stage", right=False),), (Row((Words(line),)),))
    rows = markdown(Document("d", (table,))).rstrip("\n").split("\n")
    assert bars_of(rows[-1]) == 2
    assert not re.search(r"<(?!/?sub>)", rows[-1])


def test_markup_in_text_is_text():
    spelled = markdown(Document("d", (Paragraph("*a* <b>b</b> [c](d) `e` | @team"),)))
    assert spelled == r"\*a\* &lt;b&gt;b&lt;/b&gt; \[c\](d) \`e\` \| &#64;team" + "\n"


def test_the_largest_stage_and_the_total_stand_out(slow):
    spelled = markdown(summary(slow))
    assert "| **postprocess** |" in spelled
    assert "| **total** |" in spelled
    assert "| *queue* |" in spelled
