from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from latprof.cli import folder
from latprof.cli.folder import fresh_folder, shown


def test_it_is_named_by_time_and_target():
    found = fresh_folder("shop.ranking:make")
    assert found.parent == Path("runs")
    assert re.fullmatch(r"\d{8}T\d{6}Z-shop\.ranking-make", found.name)


@given(st.text())
def test_whatever_the_target_it_is_one_folder_in_runs(target):
    found = fresh_folder(target)
    assert found.parent == Path("runs")
    assert re.fullmatch(r"[\w.-]{17,90}", found.name, re.ASCII)


def test_two_in_one_second_do_not_meet(monkeypatch):
    class Noon:
        @staticmethod
        def now(zone):
            return folder_time

    from datetime import UTC, datetime

    folder_time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    monkeypatch.setattr(folder, "datetime", Noon)
    names = []
    for _ in range(3):
        found = fresh_folder("a:b")
        found.mkdir(parents=True)
        names.append(found.name)
    assert names == ["20260131T120000Z-a-b", "20260131T120000Z-a-b-2", "20260131T120000Z-a-b-3"]


def test_a_path_is_shown_as_it_is_written_from_here(tmp_path, workplace):
    assert shown(workplace / "runs" / "a") == "runs/a"
    assert shown(tmp_path.parent / "b") == str(tmp_path.parent / "b")
