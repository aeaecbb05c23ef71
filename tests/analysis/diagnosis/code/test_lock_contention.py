from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.code.lock_contention import lock_contention
from latprof.analysis.diagnosis.suspicion import Cleared, Suspicion

MS = 1e6
HOLDS = {
    "constant": lambda rng: 4.0,
    "uniform": lambda rng: rng.uniform(3, 6),
    "skewed": lambda rng: rng.lognormal(1.2, 0.35),
}


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("workers", [2, 5])
def test_a_lock_before_a_stage_shows_outside_all_stages(going_round, workers, hold):
    case, waited = going_round(workers, 600, HOLDS[hold], locked=True)
    (found,) = lock_contention(case)
    assert isinstance(found, Suspicion)
    assert found.stage == "untracked"
    assert "before ask" in found.summary
    assert len(found.evidence) >= 2
    saved = case.latency - found.after_ns
    assert saved.sum() == pytest.approx(waited.sum() * MS, rel=0.05)


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("workers", [3, 6])
def test_a_lock_taken_inside_a_stage_shows_there(going_round, workers, hold):
    case, waited = going_round(workers, 600, HOLDS[hold], locked=True, is_inside=True)
    (found,) = lock_contention(case)
    assert found.stage == "ask"
    saved = case.latency - found.after_ns
    assert saved.sum() == pytest.approx(waited.sum() * MS, rel=0.05)


@pytest.mark.parametrize("is_inside", [False, True])
@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("workers", [2, 5])
def test_what_takes_as_long_in_company_as_alone_is_no_lock(going_round, workers, hold, is_inside):
    case, _ = going_round(workers, 600, HOLDS[hold], locked=False, is_inside=is_inside)
    (cleared,) = lock_contention(case)
    assert isinstance(cleared, Cleared)
    assert "pass each other" in cleared.reason


def test_steady_calls_that_begin_evenly_are_no_lock(going_round):
    case, _ = going_round(
        4, 600, HOLDS["constant"], locked=False, is_inside=True, before_ms=lambda rng: 1.0
    )
    (cleared,) = lock_contention(case)
    assert isinstance(cleared, Cleared)


def test_who_is_alone_waits_for_nobody(going_round):
    case, _ = going_round(1, 100, HOLDS["constant"], locked=True)
    (cleared,) = lock_contention(case)
    assert "1.0 requests were served at once" in cleared.reason


def test_without_the_lock_requests_still_share_the_cores(going_round):
    case, _ = going_round(
        4, 400, lambda rng: 0.2, locked=True, cores=1, before_ms=lambda rng: rng.uniform(1, 2)
    )
    for each in lock_contention(case):
        if isinstance(each, Suspicion):
            assert np.median(each.after_ns) >= 4 * np.median(case.cpu("pack")) * 0.9


def test_a_lock_that_is_mostly_free_costs_what_it_costs(going_round):
    case, waited = going_round(
        2, 2000, lambda rng: 1.0, locked=True, before_ms=lambda rng: rng.exponential(8)
    )
    saved = [
        float((case.latency - each.after_ns).sum())
        for each in lock_contention(case)
        if isinstance(each, Suspicion)
    ]
    assert sum(saved) <= 1.5 * waited.sum() * MS
