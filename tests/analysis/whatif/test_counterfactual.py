"""Requests once more, had each been served faster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.measured import Requests
from latprof.analysis.replay import starts
from latprof.analysis.whatif.counterfactual import after


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
