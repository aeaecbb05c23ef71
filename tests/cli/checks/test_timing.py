from __future__ import annotations

import itertools

import pytest

from latprof.cli.checks import timing
from latprof.cli.checks.check import State


@pytest.fixture
def ticking(monkeypatch):
    """Let the clock move by given steps, over and over."""

    def arrange(*steps_ns):
        instants = itertools.accumulate(itertools.cycle(steps_ns))
        monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: next(instants))

    return arrange


def test_a_tick_is_the_step_between_readings_that_differ(ticking):
    ticking(0, 0, 0, 40)
    assert timing.tick_ns() == 40


@pytest.mark.parametrize(("step_ns", "state"), [(40, State.OK), (15_600_000, State.NOTE)])
def test_a_coarse_clock_is_noted(ticking, tmp_path, step_ns, state):
    ticking(step_ns)
    source = tmp_path / "sys/devices/system/clocksource/clocksource0/current_clocksource"
    source.parent.mkdir(parents=True)
    source.write_text("tsc\n")
    check = timing.clock(tmp_path)
    assert check.state is state
    assert check.finding.endswith("source tsc")


@pytest.mark.parametrize(("late_ns", "state"), [(60_000, State.OK), (4_000_000, State.NOTE)])
def test_late_sleepers_are_noted(monkeypatch, tmp_path, late_ns, state):
    now = [0]

    def oversleep(seconds):
        now[0] += round(seconds * 1e9) + late_ns

    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(timing.time, "sleep", oversleep)
    check = timing.sleep(tmp_path)
    assert timing.wake_up_ns() == late_ns
    assert check.state is state
    assert "cannot be set here" in check.finding


def test_slack_that_was_set_is_told(monkeypatch, tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/timerslack_ns").write_text("1\n")
    monkeypatch.setattr(timing, "wake_up_ns", lambda: 5_000.0)
    assert "timer slack off" in timing.sleep(tmp_path).finding
