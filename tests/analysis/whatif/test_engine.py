"""The engines against theory, and against each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.replay import starts
from latprof.analysis.whatif.engine import Pauses, Servers, busy_at, finishes

N = 1_000_000
RHOS = (0.5, 0.8)


def responses(services, rho, workers=1, seed=1):
    """Return response times under Poisson arrivals, after a twentieth that fills the queue."""
    rate = workers * rho / services.mean()
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, services.size))
    answered = finishes(arrivals, services, Servers(workers)) - arrivals
    return answered[services.size // 20 :]


@pytest.mark.parametrize("rho", RHOS)
def test_m_m_1(rho):
    answered = responses(np.random.default_rng(11).exponential(1, N), rho, seed=3)
    assert answered.mean() == pytest.approx(1 / (1 - rho), rel=0.02)
    assert np.quantile(answered, 0.99) == pytest.approx(math.log(100) / (1 - rho), rel=0.03)


@pytest.mark.parametrize("rho", RHOS)
def test_m_d_1(rho):
    answered = responses(np.ones(N), rho, seed=3)
    assert answered.mean() - 1 == pytest.approx(rho / 2 / (1 - rho), rel=0.02)


@pytest.mark.parametrize("rho", RHOS)
def test_m_g_1_of_pollaczek_and_khinchine(rho):
    services = np.random.default_rng(11).gamma(4 / 9, 9 / 4, N)
    cv2 = services.var() / services.mean() ** 2
    waited = rho * (1 + cv2) / 2 / (1 - rho) * services.mean()
    answered = responses(services, rho, seed=3)
    assert answered.mean() - services.mean() == pytest.approx(waited, rel=0.02)


@pytest.mark.parametrize(("workers", "rho", "erlang"), [(2, 0.8, 0.711), (4, 0.8, 0.596)])
def test_m_m_c_of_erlang(workers, rho, erlang):
    """Seven per cent at 300,000 arrivals, METHODS of the project."""
    services = np.random.default_rng(4).exponential(1, 300_000)
    arrivals = np.cumsum(np.random.default_rng(5).exponential(1 / (workers * rho), services.size))
    waits = starts(arrivals, services, workers) - arrivals
    assert (waits > 0).mean() == pytest.approx(erlang, rel=0.02)
    mean = 1 + erlang / workers / (1 - rho)
    assert responses(services, rho, workers, seed=5).mean() == pytest.approx(mean, rel=0.07)


times = st.lists(st.floats(0, 100), min_size=1, max_size=40)


@given(gaps=times, seed=st.integers(0, 100), workers=st.integers(1, 4))
def test_one_after_the_other_is_what_the_vectors_say(gaps, seed, workers):
    arrivals = np.cumsum(gaps)
    services = np.random.default_rng(seed).exponential(20, arrivals.size)
    # A factor by number found, all of them 1, goes the long way.
    long_way = finishes(arrivals, services, Servers(workers, (1.0,) * (workers + 1)))
    assert long_way == pytest.approx(starts(arrivals, services, workers) + services)


@given(gaps=times, seed=st.integers(0, 100))
def test_more_workers_and_shorter_services_keep_nobody_longer(gaps, seed):
    arrivals = np.cumsum(gaps)
    services = np.random.default_rng(seed).exponential(20, arrivals.size)
    ended = [finishes(arrivals, services, Servers(workers)) for workers in (1, 2, 3, None)]
    for fewer, more in itertools.pairwise(ended):
        assert (more <= fewer + 1e-9).all()
    assert (finishes(arrivals, services / 2, Servers(2)) <= ended[1] + 1e-9).all()


def test_a_sleeping_worker_begins_later_and_a_busy_one_slower():
    arrivals = np.array([0.0, 1.0, 100.0])
    services = np.full(3, 10.0)
    pauses = Pauses(np.full(3, 3.0), np.full(3, 0.5))
    assert finishes(arrivals, services, Servers(1, (1.0, 2.0)), pauses).tolist() == [
        13.0,
        33.5,
        113.0,
    ]


def test_two_in_service_slow_each_other_by_what_was_found():
    arrivals = np.array([0.0, 1.0, 2.0])
    ended = finishes(arrivals, np.full(3, 10.0), Servers(2, (1.0, 1.5, 3.0)))
    assert ended.tolist() == [10.0, 16.0, 40.0]
    assert busy_at(arrivals, ended, 2).tolist() == [0, 1, 2]


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), workers=st.integers(1, 4))
def test_what_arrivals_found_is_what_was_there(seed, workers):
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1.0, 200))
    ended = finishes(arrivals, rng.exponential(0.8 * workers, 200), Servers(workers))
    by_hand = [min(workers, int((ended[:i] > arrivals[i]).sum())) for i in range(200)]
    assert busy_at(arrivals, ended, workers).tolist() == by_hand
