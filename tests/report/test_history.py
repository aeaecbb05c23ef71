from __future__ import annotations

import json
from dataclasses import replace

import pytest

from latprof.analysis.history import history
from latprof.report.history import where_text

from ..histories import grown  # noqa: TID252 - three rooms want such runs


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return history(grown(tmp_path_factory.mktemp("grown")))


def test_the_answer_is_on_top(found):
    lines = " ".join(str(found).split())
    assert "total at p50 +" in lines
    assert "between commits 03030303 and 04040404: git log 03030303..04040404" in lines
    assert lines.index("total at p50") < lines.index("What changed") < lines.index("Where each")


def test_it_fits_eighty_columns_and_cuts_no_time(found):
    assert max(map(len, str(found).splitlines())) <= 80
    assert "11-09 09:30" in str(found)


def test_it_is_spelled_everywhere(found):
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["changes"][0]["where"].startswith("between commits 03030303 and")
    assert len(told["runs"]) == 12
    for text in (found.markdown(), found._repr_html_()):
        assert "encode" in text
        assert "04040404" in text


def test_few_runs_are_said_to_be_few(tmp_path):
    assert "3 runs: changes can be told from 8 on" in str(history(grown(tmp_path, runs=3)))


def test_no_change_is_said_to_be_none(tmp_path):
    assert "no part changed by more than counts in 8 runs" in str(history(grown(tmp_path, runs=8)))


def test_where_it_was_says_no_more_than_is_known(found):
    one, other = found.entries[7:9]
    same = replace(other, commit=one.commit)
    assert where_text(one, same) == "within commit 03030303: not by the code"
    assert "by what was not committed" in where_text(one, replace(same, dirty=True))
    assert "03030303+" in where_text(one, replace(same, dirty=True))
    assert where_text(one, replace(other, commit=None)).endswith("at an unknown commit")


def test_hostile_names_stay_one_harmless_line(found):
    hostile = replace(found, target="a\nb\x1b[31m<script>")
    assert "\x1b" not in str(hostile)
    assert "<script>" not in hostile._repr_html_()


def test_what_was_left_out_is_counted_where_it_is_much(found):
    few = replace(found, left_out=(("runs/x", "another scenario"),))
    assert "runs/x: another scenario" in str(few)
    many = tuple((f"runs/{n}", f"another machine: model {n}") for n in range(5))
    assert "5 runs: 5 for another machine" in " ".join(str(replace(found, left_out=many)).split())
