from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.gil_contention import gil_contention
from latprof.analysis.diagnosis.suspicion import Cleared

SECOND = 1_000_000_000


def told(late_s=0.005, process=1.1, seconds=10):
    """Signals: how late the heartbeat is, how many cores the process uses."""
    rows = [(at * SECOND, "process_cpu_s", process * at) for at in range(seconds + 1)]
    return rows + [(at * SECOND, "heartbeat_late_p50_s", late_s) for at in range(seconds + 1)]


def beside_a_hog(case, n=400, **given):
    """Half of the requests meet a thread that keeps the GIL."""
    met = np.arange(n) % 2
    parts = {"split": 2 + 4 * met, "score": 1 + 2 * met, "untracked": 0.1}
    share = np.where(met, 1 / 3, 1.0)
    return case(parts, **{"cpu": {"split": share, "score": share}, "signals": told()} | given)


def test_stages_that_stand_still_beside_a_busy_thread(case):
    found, *_ = gil_contention(beside_a_hog(case))
    assert found.stage == "split"
    assert found.level == "typical"
    assert len(found.evidence) == 3
    assert "outside its stages" in found.evidence[2].signal
    np.testing.assert_allclose(found.after_ns, 3.1e6, rtol=0.01)


def test_short_requests_that_slip_through_show_it_in_the_tail(case):
    met = np.arange(400) % 5 == 0
    parts = {"split": np.where(met, 22.0, 2.0), "untracked": 0.1}
    cpu = {"split": np.where(met, 2 / 22, 1.0)}
    (found,) = gil_contention(case(parts, cpu=cpu, signals=told()))
    assert found.level == "tail"


def test_the_wait_for_a_core_that_follows_goes_too(case):
    parts = {"split": np.full(300, 6.0)}
    given = {"cpu": {"split": 1 / 3}, "runqueue": {"split": 1 / 3}, "signals": told()}
    (found,) = gil_contention(case(parts, **given))
    np.testing.assert_allclose(found.after_ns, 2e6, rtol=0.01)


@pytest.mark.parametrize(
    "given",
    [
        {"signals": told(late_s=0.0002)},  # they wait for something else
        {"signals": told(process=0.5)},  # nobody is there to hold it
        {"cpu": {}},  # a long stage in plain Python makes the heartbeat late, and never waits
    ],
)
def test_each_sign_alone_is_not_enough(case, given):
    (cleared,) = gil_contention(beside_a_hog(case, **given))
    assert isinstance(cleared, Cleared)
    assert cleared.known


def test_a_stage_that_asks_somebody_waits_for_its_own_reasons(case):
    """Beside plain Python that keeps the heartbeat late, and a thread in native code."""
    rng = np.random.default_rng(1)
    parts = {"ask": rng.uniform(9.5, 10.5, 400), "score": 14.0}
    (cleared,) = gil_contention(case(parts, cpu={"ask": 0.01}, signals=told()))
    assert isinstance(cleared, Cleared)


def test_requests_that_take_turns_are_each_others_other_threads(going_round, table_run):
    case, _ = going_round(4, 800, lambda rng: 0.05, locked=False, before_ms=lambda rng: 4.0)
    run = case.run
    spans = run._tables["spans"].to_pylist()
    for span in spans:
        span["cpu_ns"] //= 4
    again = table_run(run._tables["requests"].to_pylist(), spans, told(process=1.0), **run.manifest)
    (found,) = gil_contention(type(case)(again))
    assert "take turns" in found.summary
    assert "processes instead of threads" in found.advice


def test_without_signals_it_cannot_be_known(case):
    (cleared,) = gil_contention(beside_a_hog(case, signals=()))
    assert not cleared.known
