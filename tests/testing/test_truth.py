from __future__ import annotations

import math

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.testing import ConstantTime, ExponentialTime, LognormalTime
from latprof.testing.queue import serve
from latprof.testing.truth import _one_worker, response_quantile_s

UNIT = ExponentialTime(1.0)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("load", [0.3, 0.8, 0.95])
def test_one_worker_with_exponential_times_has_its_textbook_answer(q, load):
    expected = -math.log(1 - q) / (1 - load)
    assert response_quantile_s(UNIT, q, load) == pytest.approx(expected, rel=1e-9)
    # the inversion on the grid knows nothing of that formula
    assert _one_worker(UNIT, q, load) == pytest.approx(expected, rel=2e-3)


def crommelin(time, load):
    """Return P(wait <= time) in M/D/1: Crommelin, Post Office Electrical Engineers J. 25 (1932)."""
    terms = (
        (load * (k - time)) ** k / math.factorial(k) * math.exp(-load * (k - time))
        for k in range(math.floor(time) + 1)
    )
    return (1 - load) * math.fsum(terms)


@pytest.mark.parametrize(("q", "load"), [(0.9, 0.5), (0.99, 0.5), (0.5, 0.8), (0.99, 0.7)])
def test_one_worker_with_constant_times_has_its_textbook_answer(q, load):
    found = response_quantile_s(ConstantTime(1.0), q, load)
    assert crommelin(found - 1 - 2e-3, load) < q <= crommelin(found - 1 + 2e-3, load)


@pytest.mark.parametrize(
    ("service", "load", "workers"),
    [
        (UNIT, 1.2, 2),
        (UNIT, 1.0, 2),  # where two rates in the formula are equal
        (UNIT, 2.8, 4),
        (LognormalTime(1.0, cv=1.0), 0.6, 1),
    ],
)
def test_a_long_simulation_meets_the_answer(service, load, workers):
    generator = np.random.default_rng(7)
    arrivals = np.cumsum(generator.exponential(1e9 / load, 300_000)).astype(np.int64)
    services = service.draw_ns(generator, arrivals.size)
    started, _ = serve(arrivals, services, workers)
    response_s = (started + services - arrivals)[5_000:] / 1e9
    for q in (0.5, 0.9):
        expected = response_quantile_s(service, q, load, workers)
        assert np.quantile(response_s, q) == pytest.approx(expected, rel=0.03)


def test_the_unit_of_time_changes_nothing():
    slow = response_quantile_s(LognormalTime(2.0), 0.9, rate=0.3)
    assert slow == pytest.approx(1_000 * response_quantile_s(LognormalTime(0.002), 0.9, rate=300))


@pytest.mark.parametrize(("rate", "workers"), [(1.0, 1), (2.5, 2), (0.0, 1)])
def test_a_load_without_a_steady_state_is_refused(rate, workers):
    with pytest.raises(UsageError, match="there is no steady state"):
        response_quantile_s(UNIT, 0.5, rate, workers)


def test_what_theory_does_not_know_is_refused():
    with pytest.raises(UsageError, match="only exponential times"):
        response_quantile_s(ConstantTime(1.0), 0.5, 1.0, workers=2)
    with pytest.raises(UsageError, match="give a share"):
        response_quantile_s(UNIT, 1.0, 0.5)
