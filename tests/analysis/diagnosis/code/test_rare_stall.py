from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.rare_stall import rare_stall
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6
RNG = np.random.default_rng(4)
N = 2000
STALLED = np.arange(N) % 50 == 7


def usual(mean, n=N):
    return mean * RNG.lognormal(0, 0.1, n)


def stalling(case, extra_ms=60.0, stalled=STALLED, **given):
    store = usual(0.5) + np.where(stalled, extra_ms, 0.0)
    return case({"model": usual(5.0), "store": store, "untracked": usual(0.1)}, **given)


@pytest.mark.parametrize("cpu", [0.0, 1.0])
def test_few_requests_that_take_many_times_as_long_in_one_stage(case, cpu):
    """Whether they wait there or compute."""
    stalls = stalling(case, cpu={"store": np.where(STALLED, cpu, 1.0)})
    (found,) = rare_stall(stalls)
    assert (found.stage, found.level) == ("store", "tail")
    assert f"one request in {N // STALLED.sum()} stalls" in found.summary
    assert np.quantile(found.after_ns, 0.999) < 10 * MS
    words = " ".join(map(str, found.evidence))
    assert ("waits in a stall" in words) == (cpu == 0.0)


def test_a_stall_that_waits_for_a_core_at_times_is_one(case):
    waits = np.where(STALLED, RNG.uniform(0, 0.5, N), 0.0)
    cpu = {"store": 1 - waits}
    (found,) = rare_stall(stalling(case, cpu=cpu, runqueue={"store": waits}))
    assert found.stage == "store"


def test_a_wait_for_a_core_is_the_machines(case):
    waits = np.where(STALLED, 0.99, 0.0)
    given = {"cpu": {"store": 1 - waits}, "runqueue": {"store": waits}}
    (cleared,) = rare_stall(stalling(case, **given))
    assert isinstance(cleared, Cleared)


def test_a_pause_of_the_collector_is_the_collectors(case):
    parts = {"model": usual(5.0), "store": usual(0.5) + np.where(STALLED, 60.0, 0.0)}
    ends = case(parts).requests.finished_ns[STALLED]
    rows = [(int(end), "gc_pause_ns", 60 * MS) for end in ends]
    (cleared,) = rare_stall(case(parts, signals=rows))
    assert isinstance(cleared, Cleared)


def test_stalls_that_come_by_count_need_no_gap_beside_them(case):
    store = usual(0.5) + np.where(STALLED, 60.0, 0.0)
    others = RNG.choice(N, 10, replace=False)
    store[others] = np.linspace(5.0, 50.0, 10)
    (found,) = rare_stall(case({"model": usual(5.0), "store": store}))
    assert found.stage == "store"


@pytest.mark.parametrize("period", [50, 53])
def test_what_comes_with_an_input_each_time_is_the_inputs(case, period):
    """With 50 inputs in turn, every fiftieth request has the same."""
    stalled = np.arange(N) % period == 7
    given = {"attributes": {"input": np.arange(N) % 50}}
    (answer,) = rare_stall(stalling(case, stalled=stalled, **given))
    assert isinstance(answer, Cleared) == (period == 50)


@pytest.mark.parametrize(
    "stalled",
    [
        np.arange(N) == 700,
        (np.arange(N) >= 700) & (np.arange(N) < 740),
        np.arange(N) % 7 == 3,
    ],
    ids=["once", "one burst", "often"],
)
def test_an_accident_a_burst_and_a_habit_are_none(case, stalled):
    (cleared,) = rare_stall(stalling(case, stalled=stalled))
    assert isinstance(cleared, Cleared)


def test_what_stops_the_whole_process_is_in_no_stage(case):
    stopped = np.where(RNG.random(N) < 0.02, 50.0, 0.0)
    inside = RNG.random(N) < 0.5
    parts = {"model": usual(5.0) + stopped * inside, "store": usual(4.0) + stopped * ~inside}
    (cleared,) = rare_stall(case(parts))
    assert isinstance(cleared, Cleared)


@pytest.mark.parametrize("seed", range(20))
def test_long_tails_without_a_gap_are_no_stalls(case, seed):
    rng = np.random.default_rng(seed)
    parts = {"model": 5 * rng.lognormal(0, 0.4, N), "store": 0.2 * rng.lognormal(0, 1.0, N)}
    (cleared,) = rare_stall(case(parts))
    assert isinstance(cleared, Cleared)


def test_a_short_run_says_nothing(case):
    (cleared,) = rare_stall(case({"store": np.r_[np.full(20, 1.0), 90.0]}))
    assert isinstance(cleared, Cleared)


@pytest.mark.parametrize(("extra_ms", "told"), [(12.0, False), (60.0, True)])
def test_a_short_wait_for_threads_that_help_is_none(case, extra_ms, told):
    """The process computes twice what the threads of its stages do: others help."""
    span_s = stalling(case, extra_ms).requests.finished_ns.max() / 1e9
    rows = [(0, "process_cpu_s", 0.0), (int(span_s * 1e9), "process_cpu_s", 2 * span_s)]
    (found,) = rare_stall(stalling(case, extra_ms, signals=rows))
    assert isinstance(found, Cleared) is not told
