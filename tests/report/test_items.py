from __future__ import annotations

import time

import pytest

import latprof as lp
from latprof.report.data import as_data
from latprof.report.document import Table
from latprof.report.items import items_table
from latprof.report.markdown import markdown
from latprof.report.notebook import html
from latprof.report.summary import summary


@pytest.fixture(scope="module")
def streamed():
    """Twelve requests of four items."""

    def target(_):
        for item in range(4):
            time.sleep(0.001)
            yield item

    options = {"progress": False, "signals": False, "warmup": 0}
    return lp.profile(target, range(12), **options)


def test_one_row_a_metric_with_what_it_counts(streamed):
    table = items_table(streamed)
    assert table.title.startswith("Items: 48 items of 12 requests, ")
    rows = {row.cells[0].text: row.cells for row in table.rows}
    assert rows["chunk_gap"][1].text == "36"
    assert rows["tpot_excl_first"][1].text == "12"
    assert 1e6 <= rows["tpot_excl_first"][2].value_ns < 1e9
    assert "(last - first) / (items - 1)" in table.notes[0]


def test_the_summary_shows_it_in_every_spelling(streamed):
    titles = [block.title for block in summary(streamed).blocks if isinstance(block, Table)]
    assert titles[1].startswith("Items")
    for text in (markdown(summary(streamed)), html(streamed)):
        assert "ttft_from_schedule" in text.replace("\\", "")


def test_a_run_that_does_not_yield_has_no_such_table():
    run = lp.profile(len, ["abc"], progress=False, signals=False)
    assert items_table(run) is None
    assert as_data(run)["streaming"] == []


def test_programs_get_the_rows(streamed):
    rows = {row["metric"]: row for row in as_data(streamed)["streaming"]}
    assert rows["chunk_gap"]["count"] == 36
    assert rows["chunk_gap"]["p99"] is None
