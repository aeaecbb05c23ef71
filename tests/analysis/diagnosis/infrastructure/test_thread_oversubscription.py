from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.thread_oversubscription import (
    thread_oversubscription,
)
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6
SPINNING = {"process_cpu_s": 1.4, "machine_cpu_busy_s": 2.0, "threads_runqueue_s": 6.0}
POOL = [{"library": "onnxruntime", "threads": 8}]


@pytest.fixture
def pooled(case, signals):
    def make(shares, totals, pools=()):
        cpu, runqueue = shares
        return case(
            {"tokenize": np.full(1000, 1.0), "forward": 9.0},
            cpu={"forward": cpu},
            runqueue={"forward": runqueue},
            signals=signals(10, totals=totals),
            manifest={"pools": list(pools)},
        )

    return make


def test_threads_that_spin_while_others_compute(pooled, said):
    found = said(thread_oversubscription, pooled((0.2, 0.8), SPINNING, POOL))
    assert found.stage == "forward"
    assert [each.value for each in found.evidence] == ["3.7", "8 of onnxruntime", "5.0 times"]
    np.testing.assert_allclose(found.after_ns, 2.8 * MS, rtol=1e-6)


def test_a_caller_that_sleeps_until_the_others_are_done(pooled, said):
    """They need 10 ms of CPU on two cores: 5 ms, of which the caller computes 2.7."""
    asleep = {"process_cpu_s": 1.0, "machine_cpu_busy_s": 2.0, "threads_runqueue_s": 3.0}
    found = said(thread_oversubscription, pooled((0.3, 0.3), asleep, POOL))
    np.testing.assert_allclose(found.after_ns, 6 * MS, rtol=0.01)


@pytest.mark.parametrize(
    "totals",
    [
        {"process_cpu_s": 1.9, "machine_cpu_busy_s": 2.0, "threads_runqueue_s": 0.1},
        {"process_cpu_s": 0.4, "machine_cpu_busy_s": 2.0, "threads_runqueue_s": 0.6},
    ],
)
def test_as_many_threads_as_cores_are_clear(pooled, said, totals):
    assert isinstance(said(thread_oversubscription, pooled((0.4, 0.6), totals, POOL)), Cleared)


def test_many_requests_at_once_are_not_many_threads(case, signals, said):
    seen = case(
        {"forward": np.full(1000, 80.0)},
        runqueue={"forward": 0.7},
        cpu={"forward": 0.3},
        arrivals_ms=np.arange(1000) * 10.0,
        workers=8,
        signals=signals(10, totals=SPINNING),
    )
    assert isinstance(said(thread_oversubscription, seen), Cleared)


def test_without_schedstat_nobody_knows(pooled, said):
    totals = {"process_cpu_s": 1.4, "machine_cpu_busy_s": 2.0}
    assert not said(thread_oversubscription, pooled((0.2, 0.8), totals, POOL)).known
