from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.infrastructure.idle_wakeup import idle_wakeup
from latprof.analysis.diagnosis.suspicion import Cleared

MS = 1e6


@pytest.fixture
def paused(case):
    """Requests of 5 ms in two stages, after pauses of 0 to 400 ms; some are longer by `more`."""

    def make(more, after_ms=200.0, n=300):
        rng = np.random.default_rng(0)
        pauses = rng.choice([0.0, 20.0, 60.0, 400.0], n)
        fetch = 1.0 + more * (pauses >= after_ms) * rng.normal(1, 0.05, n)
        model = rng.normal(4, 0.2, n)
        arrivals = np.cumsum(pauses + fetch + model) - (fetch + model)
        return case({"fetch": fetch, "model": model}, arrivals_ms=arrivals)

    return make


def test_a_connection_that_is_made_anew_after_a_pause(paused, said):
    found = said(idle_wakeup, paused(20.0))
    assert found.stage == "fetch"
    assert found.level == "tail"
    assert len(found.evidence) == 2
    np.testing.assert_allclose(np.quantile(found.after_ns, 0.99), 5.4 * MS, rtol=0.1)


def test_most_requests_come_after_a_pause(paused, said):
    assert said(idle_wakeup, paused(20.0, after_ms=20.0)).level == "typical"


@pytest.mark.parametrize("more", [0.0, 2.0])
def test_cold_caches_are_no_sleep(paused, said, more):
    answer = said(idle_wakeup, paused(more))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_the_caches_of_a_short_service_are_no_sleep(case, said):
    rng = np.random.default_rng(1)
    pauses = rng.choice([0.0, 5.0], 300)
    model = np.where(pauses > 0, 0.5, 0.1) * rng.normal(1, 0.05, 300)
    arrivals = np.cumsum(pauses + model) - model
    answer = said(idle_wakeup, case({"model": model}, arrivals_ms=arrivals))
    assert isinstance(answer, Cleared)
    assert answer.known


def test_a_core_that_is_busy_after_a_pause_is_no_sleep(case, said):
    rng = np.random.default_rng(2)
    pauses = rng.choice([0.0, 20.0], 300)
    waits = 20.0 * (pauses > 0)
    model = rng.normal(4, 0.2, 300)
    took = waits + model
    seen = case(
        {"model": took},
        cpu={"model": model / took},
        runqueue={"model": waits / took},
        arrivals_ms=np.cumsum(pauses + took) - took,
    )
    assert isinstance(said(idle_wakeup, seen), Cleared)


def test_without_pauses_nobody_knows(case, said):
    assert not said(idle_wakeup, case({"model": np.full(100, 5.0)})).known
