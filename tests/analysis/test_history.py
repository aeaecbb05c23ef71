from __future__ import annotations

import json

import pytest

from latprof.analysis.history import history
from latprof.errors import UsageError

from ..histories import CHANGED, add, commit, grown  # noqa: TID252 - three rooms want such runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return grown(tmp_path_factory.mktemp("history") / "grown")


@pytest.fixture(scope="module")
def found(folder):
    return history(folder)


def test_the_stage_that_grew_is_told_with_its_commit(found):
    at = {(each.part, each.q): each for each in found.changes}
    assert {(part, q) for part, q in at if part != "total"} == {("encode", 0.5), ("encode", 0.95)}
    assert ("total", 0.5) in at
    for each in found.changes:
        assert (each.before, each.at) == (CHANGED - 1, CHANGED)
    assert at["encode", 0.5].jump.ratio == pytest.approx(1.5, rel=0.03)
    assert at["total", 0.5].jump.ratio == pytest.approx(8 / 7, rel=0.03)
    assert found.entries[CHANGED].commit == commit(CHANGED // 2)
    assert found.entries[CHANGED - 1].commit == commit(CHANGED // 2 - 1)


def test_the_whole_request_comes_first(found):
    assert found.changes[0].part == "total"
    assert found.courses[0].part == "total"


def test_runs_are_in_the_order_of_their_time_wherever_they_lie(found, folder):
    assert [each.created[8:10] for each in found.entries] == [f"{1 + n:02d}" for n in range(12)]
    nested = history(folder.parent)
    assert [each.created for each in nested.entries] == [each.created for each in found.entries]


def test_what_is_not_like_the_latest_run_is_left_out_with_the_reason(tmp_path):
    grown(tmp_path, runs=8)
    add(tmp_path, 8, requests=60)
    add(tmp_path, 9, cpu={"model": "Another 9000"})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    add(tmp_path, 10)
    found = history(tmp_path)
    assert len(found.entries) == 9
    why = {folder.rpartition("/")[2]: reason for folder, reason in found.left_out}
    assert why["run 8"] == "another scenario"
    assert why["run 9"].startswith("another machine: model Another 9000")
    assert "broken/run.json" in why["broken"]


def test_an_invalid_run_is_left_out(tmp_path):
    grown(tmp_path, runs=8)
    file = add(tmp_path, 8) / "run.json"
    manifest = json.loads(file.read_text())
    reason = {
        "code": "contended",
        "severity": "INVALID",
        "evidence": "a busy neighbour",
        "next_step": "wait",
    }
    manifest["validity"] = {"verdict": "INVALID", "reasons": [reason]}
    file.write_text(json.dumps(manifest))
    found = history(tmp_path)
    assert len(found.entries) == 8
    assert [why for _, why in found.left_out] == ["it is INVALID: contended"]


def test_what_else_changed_is_told(tmp_path):
    grown(tmp_path, runs=8)
    for number in (8, 9):
        add(tmp_path, number, encode_ms=3.0, packages={"numpy": "99.0"})
    changes = history(tmp_path).changes
    assert changes
    assert all(any(said.endswith("then 99.0") for said in each.software) for each in changes)


def test_a_target_can_be_chosen(folder, found):
    assert history(folder, found.target).entries == found.entries
    with pytest.raises(UsageError, match="holds no run of another to look at"):
        history(folder, "another")


def test_few_runs_have_no_changes(tmp_path):
    grown(tmp_path, runs=3)
    found = history(tmp_path)
    assert not found.changes
    assert all(each.steps is None for each in found.courses)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no run to look at"):
        history(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds no run to look at: .*run\.json"):
        history(tmp_path)
