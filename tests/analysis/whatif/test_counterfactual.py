"""Requests once more, had each been served faster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.analysis.diagnosis.case import Case
from latprof.analysis.measured import Requests, load_requests
from latprof.analysis.replay import starts
from latprof.analysis.whatif.counterfactual import after
from latprof.testing import ExponentialTime, FakeClock, SimulatedService


def requests(arrivals, services, workers=1, hidden_ns=0):
    began = starts(arrivals.astype(float), services.astype(float), workers).astype(np.int64)
    began = began + hidden_ns
    zeros = np.zeros(arrivals.size, np.int64)
    ids = np.arange(arrivals.size)
    ended = began + services
    return Requests(ids, arrivals, began, ended, zeros, zeros, zeros, zeros)


@pytest.fixture
def queue():
    rng = np.random.default_rng(0)
    return np.cumsum(rng.integers(0, 2_000, 500)), rng.integers(1, 1_500, 500)


def test_saving_nothing_changes_nothing(queue):
    given = requests(*queue)
    assert after(given, np.zeros(500), 1) == pytest.approx(given.latency_ns)


def test_an_open_loop_queues_less(queue):
    arrivals, services = queue
    halved = services // 2
    truth = requests(arrivals, services - halved).latency_ns
    assert after(requests(arrivals, services), halved.astype(float), 1) == pytest.approx(truth)


@pytest.mark.parametrize("load", [0.8, 0.95])
@pytest.mark.parametrize("workers", [1, 4])
def test_near_saturation_it_is_what_the_same_arrivals_find_at_a_quicker_service(load, workers):
    plan = lp.Poisson(100 * load * workers, requests=5_000, workers=workers)
    slow, quick = (SimulatedService(ExponentialTime(each)).record(plan) for each in (0.01, 0.006))
    given, truth = load_requests(slow), load_requests(quick).latency_ns
    found = after(given, 0.4 * given.service_ns, workers)
    for q in (0.5, 0.99):
        assert np.quantile(found, q) == pytest.approx(np.quantile(truth, q), rel=1e-3)


def test_requests_that_failed_kept_workers_busy():
    class Failing:
        def __init__(self, took_ns):
            self.clock, self._took_ns = FakeClock(), took_ns

        def predict(self, value):
            self.clock.advance(self._took_ns)
            if value % 3 == 0:
                raise ValueError("no such input")

    load = lp.Poisson(90, requests=3_000)
    runs = [
        lp.profile(Failing(took), list(range(3_000)), load, warmup=0, progress=False)
        for took in (10_000_000, 6_000_000)
    ]
    given, quicker = (Case(run) for run in runs)
    found = given.without(0.4 * given.service)
    assert given.n == 2_000
    assert np.quantile(found, 0.99) == pytest.approx(np.quantile(quicker.latency, 0.99), rel=1e-3)


def test_a_wait_that_no_worker_explains_stays(queue):
    arrivals, services = queue
    late = requests(arrivals, services, workers=4, hidden_ns=700)
    gone = after(late, services.astype(float), 4)
    assert gone.min() == pytest.approx(700)


@given(seed=st.integers(0, 200), workers=st.sampled_from([None, 1, 2, 3]))
def test_more_is_saved_the_more_is_taken_off_and_never_more_than_there_is(seed, workers):
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.integers(0, 1_000, 50))
    given = requests(arrivals, rng.integers(1, 1_500, 50), workers or 1)
    saved = rng.uniform(0, 800, 50)
    some, more, all_of_it = (
        after(given, each, workers) for each in (saved, 2 * saved, saved + 1e9)
    )
    assert (some <= given.latency_ns + 1e-6).all()
    assert (more <= some + 1e-6).all()
    assert (all_of_it >= -1e-6).all()
