from __future__ import annotations

import pytest

from latprof.cli.checks import recording
from latprof.cli.checks.check import State
from latprof.recording import core


def test_the_compiled_core_is_fine():
    assert recording.kind("native").state is State.OK


@pytest.mark.parametrize(
    ("asked", "step"),
    [("plain", "unset LATPROF_CORE for the compiled one"), ("", "--force-reinstall")],
)
def test_the_plain_core_is_noted_with_the_way_back(monkeypatch, asked, step):
    monkeypatch.setenv("LATPROF_CORE", asked)
    check = recording.kind("plain")
    assert check.state is State.NOTE
    assert step in check.next_step


def test_costs_are_measured_and_leave_nothing_on():
    costs = recording.stage_costs_ns()
    assert all(0 < cost < 1e9 for cost in costs)
    assert not core.is_active()
    assert core.drain()[:2] == (b"", b"")


def test_costs_are_told_for_each_probe():
    check = recording.cost()
    assert "--probe wall" in check.finding
    assert "while nothing records" in check.finding


def test_schedstat(tmp_path):
    assert recording.run_queue(tmp_path).state is State.NOTE
    (tmp_path / "proc/thread-self").mkdir(parents=True)
    (tmp_path / "proc/thread-self/schedstat").write_text("1 2 3\n")
    assert recording.run_queue(tmp_path).state is State.OK
