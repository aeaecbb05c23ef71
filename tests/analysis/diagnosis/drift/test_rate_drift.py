from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.drift.rate_drift import rate_drift
from latprof.analysis.diagnosis.suspicion import Cleared


def arrivals(gaps):
    return np.cumsum(gaps)


def gaps(n, mean, seed=0, cv=1.0):
    return np.random.default_rng([seed, 3]).gamma(cv**-2, mean * cv**2, n)


def served(case, gaps_ms, service=6.0, seed=0):
    noise = np.random.default_rng([seed, 4]).lognormal(0, 0.1, gaps_ms.size)
    return case({"forward": service * noise}, arrivals_ms=np.cumsum(gaps_ms), workers=1)


def test_a_rate_that_doubles(case):
    (found,) = rate_drift(served(case, np.r_[gaps(400, 20), gaps(400, 7, seed=1)]))
    assert (found.cause, found.stage, found.level) == ("rate_drift", "queue", "trend")
    assert len(found.evidence) == 3
    assert found.evidence[0].signal == "arrival rate"
    assert np.median(found.before_ns) > 12e6
    assert np.median(found.after_ns) < 9e6


def test_a_spike_that_passes_is_one_too(case):
    spike = np.r_[gaps(400, 20), gaps(300, 6, seed=1), gaps(400, 20, seed=2)]
    (found,) = rate_drift(served(case, spike))
    assert found.stage == "queue"
    assert 150 <= found.before_ns.size <= 400


@pytest.mark.parametrize("seed", range(5))
def test_a_spike_that_most_requests_are_in(case, seed):
    spike = np.r_[gaps(35, 90, seed), gaps(110, 10, seed + 10), gaps(30, 90, seed + 20)]
    (found,) = rate_drift(served(case, spike, service=20.0))
    assert found.cause == "rate_drift"
    assert 90 <= found.before_ns.size <= 130


def test_bursts_at_the_same_rate(case):
    (found,) = rate_drift(served(case, np.r_[gaps(600, 10, cv=0.3), gaps(600, 10, seed=1, cv=2)]))
    assert found.evidence[0].signal == "burstiness"
    assert found.after_ns.mean() < found.before_ns.mean() / 2


def test_since_a_baseline(case):
    before, now = served(case, gaps(400, 20)), served(case, gaps(400, 7, seed=1))
    (found,) = rate_drift(Case(now.run, before.run))
    assert "in the baseline" in found.refuted_by
    assert found.level == "typical"
    assert np.median(found.after_ns) < 9e6
    (same,) = rate_drift(Case(now.run, now.run))
    assert isinstance(same, Cleared)


def test_a_slower_service_is_not_the_rate(case):
    both = np.r_[gaps(400, 20), gaps(400, 10, seed=1)]
    service = np.where(np.arange(800) < 400, 6.0, 14.0)
    (said,) = rate_drift(served(case, both, service))
    assert "the service itself" in said.reason


def test_a_rate_that_nobody_waits_for_is_none(case):
    (said,) = rate_drift(served(case, np.r_[gaps(400, 200), gaps(400, 100, seed=1)]))
    assert "nobody waits" in said.reason


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_steady_arrivals_are_none_however_they_come(case, cv):
    for seed in range(20):
        (said,) = rate_drift(served(case, gaps(300, 9, seed, cv), seed=seed))
        assert isinstance(said, Cleared)


def test_a_closed_loop_has_no_rate(case):
    (said,) = rate_drift(case({"forward": np.full(100, 5.0)}))
    assert "waited for an answer" in said.reason


def test_a_calm_time_that_counts_as_warm_up_is_still_the_calm_time(case):
    seen = served(case, np.r_[gaps(400, 20), gaps(400, 7, seed=1)])
    table = seen.run._tables["requests"]
    phases = pa.array(["warmup"] * 400 + ["steady"] * 400).dictionary_encode()
    at = table.schema.get_field_index("phase")
    seen.run._tables["requests"] = table.set_column(at, "phase", phases)
    (found,) = rate_drift(seen)
    assert found.cause == "rate_drift"
