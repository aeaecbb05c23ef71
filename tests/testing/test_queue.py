from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latprof.testing.queue import serve

LOADS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40)


def arrays(load):
    gaps, services = np.array(load, np.int64).T
    return np.cumsum(gaps), services


@given(load=LOADS, workers=st.integers(1, 4))
def test_no_worker_serves_two_requests_at_once_nor_rests_while_one_waits(load, workers):
    arrivals, services = arrays(load)
    started, worker = serve(arrivals, services, workers)
    assert (started >= arrivals).all()
    free = np.full(workers, arrivals[0])
    for arrival, service, start, number in zip(arrivals, services, started, worker, strict=True):
        assert start == max(arrival, free.min())
        assert free[number] <= start
        free[number] = start + service


@given(load=LOADS)
def test_one_worker_is_the_sum_that_many_workers_step_through(load):
    arrivals, services = arrays(load)
    free, expected = arrivals[0], []
    for arrival, service in zip(arrivals, services, strict=True):
        free = max(arrival, free)
        expected.append(free)
        free += service
    assert serve(arrivals, services, 1)[0].tolist() == expected
