"""Replayed queues against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from latprof.analysis.replay import course, highest_rate, replayed, starts

N = 1_000_000


def waits(services, rho, workers=1, seed=0):
    rng = np.random.default_rng(seed)
    rate = workers * rho / services.mean()
    arrivals = np.cumsum(rng.exponential(1 / rate, services.size))
    return starts(arrivals, services, workers) - arrivals


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_one_worker_follows_pollaczek_and_khinchine(rho):
    """METHODS of the project: within 2 % at a million arrivals."""
    rng = np.random.default_rng(1)
    for services, cv2 in (
        (np.ones(N), 0),
        (rng.exponential(1, N), 1),
        (rng.gamma(4 / 9, 9 / 4, N), 2.25),
    ):
        mean_wait = rho * (1 + cv2) / 2 / (1 - rho)
        assert waits(services, rho).mean() == pytest.approx(mean_wait, rel=0.03)


def test_the_tail_of_one_exponential_worker():
    services = np.random.default_rng(2).exponential(1, N)
    responses = waits(services, 0.5, seed=3) + services
    assert np.quantile(responses, 0.99) == pytest.approx(math.log(100) / 0.5, rel=0.03)


@pytest.mark.parametrize(("workers", "waiting"), [(2, 0.711), (4, 0.596)])
def test_several_workers_make_as_many_wait_as_erlang_says(workers, waiting):
    services = np.random.default_rng(4).exponential(1, 300_000)
    assert (waits(services, 0.8, workers) > 0).mean() == pytest.approx(waiting, rel=0.03)


def test_one_worker_is_the_same_either_way():
    rng = np.random.default_rng(5)
    arrivals, services = np.cumsum(rng.exponential(1, 1_000)), rng.exponential(0.7, 1_000)
    alone = starts(arrivals, services, 1)
    by_hand, free = [], 0.0
    for arrival, service in zip(arrivals, services, strict=True):
        by_hand.append(max(arrival, free))
        free = by_hand[-1] + service
    assert alone == pytest.approx(by_hand)
    assert (starts(arrivals, services, None) == arrivals).all()


def test_the_highest_rate_is_that_of_theory():
    services_ns = np.random.default_rng(6).exponential(10e6, 20_000).round().astype(np.int64)

    def holds(responses_ns):
        return np.quantile(responses_ns, 0.95) < 60e6

    truth = 100 - math.log(20) / 0.06
    assert highest_rate(services_ns, 1, holds) == pytest.approx(truth, rel=0.06)


def test_rates_of_one_seed_are_one_pattern_stretched():
    services_ns = np.full(10, 1_000)
    slow, fast = (replayed(services_ns, rate, seed=1) for rate in (10.0, 500_000.0))
    assert slow.size == fast.size == 47_500
    assert slow.mean() < fast.mean()


def test_a_course_climbs_to_a_full_queue():
    services_ns = np.random.default_rng(0).exponential(5e6, 4_000).astype(np.int64)
    climbs = course(services_ns, workers=1, q=0.95)
    rates, values = map(np.array, zip(*climbs, strict=True))
    assert np.all(np.diff(rates) > 0)
    assert np.all(np.diff(values) > 0)
    full = 1e9 / services_ns.mean()
    assert rates[[0, -1]] == pytest.approx([0.02 * full, 0.98 * full])
    half = values[np.argmin(np.abs(rates - full / 2))]
    assert half == pytest.approx(3 / (full / 2) * 1e9, rel=0.15)  # of M/M/1: ln 20 / (mu - lambda)
