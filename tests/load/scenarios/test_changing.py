"""Rates that change: the instants follow the course, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import UsageError
from latprof.load.scenarios import Ramp, Spike, Step

RATES = st.floats(0.1, 1e4)
BUSY = st.lists(st.floats(10, 1e4), min_size=1, max_size=5)
SEEDS = st.integers(0, 99)


def counts(scenario, edges_s, seeds=200):
    """Return how many requests lie between the edges, on average over seeds."""
    edges = np.array(edges_s) * 1e9
    drawn = [np.histogram(scenario.plan(1, seed).offsets, edges)[0] for seed in range(seeds)]
    return np.mean(drawn, axis=0)


@pytest.mark.parametrize(
    ("scenario", "edges_s", "expected"),
    [
        (Ramp(10, 50, duration=10), [0, 5, 10], [100, 200]),
        (Ramp(50, 10, duration=10), [0, 5, 10], [200, 100]),
        (Step([10, 20, 40], duration=30), [0, 10, 20, 30], [100, 200, 400]),
        (Step([(10, 2), (40, 3)]), [0, 2, 5], [20, 120]),
        (Spike(10, 50, duration=20), [0, 8, 12, 20], [80, 200, 80]),
        (Spike(10, 50, at=1, width=2, duration=10), [0, 1, 3, 10], [10, 100, 70]),
    ],
)
def test_the_rate_is_where_it_should_be(scenario, edges_s, expected):
    found = counts(scenario, edges_s)
    # Counts are Poisson distributed: five standard errors of the mean of 200 of them.
    assert found == pytest.approx(expected, abs=5 * np.sqrt(max(expected) / 200))


@given(start=RATES, stop=RATES, duration=st.floats(1, 20))
def test_without_chance_arrivals_stand_where_the_integral_of_the_rate_is_whole(
    start, stop, duration
):
    ramp = Ramp(start, stop, arrivals="constant", requests=50, duration=duration)
    seconds = ramp.plan(1, 0).offsets / 1e9
    integral = start * seconds + (stop - start) * seconds**2 / (2 * duration)
    assert integral == pytest.approx(np.arange(len(seconds)), abs=1e-4)


@given(
    rates=BUSY,
    seed=SEEDS,
    factor=st.floats(1.5, 50),
)
def test_a_course_run_faster_is_the_same_course_compressed(rates, seed, factor):
    slow = Step([(rate, 3.0) for rate in rates], requests=60).plan(1, seed).offsets
    faster = [(rate * factor, 3.0 / factor) for rate in rates]
    fast = Step(faster, requests=60).plan(1, seed).offsets
    both = min(len(slow), len(fast))
    assert abs(len(slow) - len(fast)) <= 1  # an arrival at the very end
    assert np.allclose(fast[:both] * factor, slow[:both], rtol=1e-6, atol=100 * factor)


@given(rates=st.lists(RATES, min_size=1, max_size=4), requests=st.integers(1, 300), seed=SEEDS)
def test_requests_alone_set_the_length_by_the_mean_rate(rates, requests, seed):
    for scenario in (
        Ramp(rates[0], rates[-1], requests=requests),
        Step(rates, requests=requests),
        Spike(rates[0], rates[-1], requests=requests),
    ):
        assert len(scenario.plan(1, seed).offsets) == requests


def test_requests_alone_reach_through_all_rates():
    offsets = Step([10, 20, 40], requests=700, arrivals="constant").plan(1, 0).offsets
    assert (offsets[99] / 1e9, offsets[299] / 1e9) == (pytest.approx(9.9), pytest.approx(19.95))
    assert offsets[-1] / 1e9 == pytest.approx(30, abs=0.1)


def test_a_burst_of_a_given_width_is_whole_with_requests_alone():
    spike = Spike(10, 100, width=2, requests=300, arrivals="constant")
    offsets = spike.plan(1, 0).offsets / 1e9
    assert offsets[-1] == pytest.approx(12, abs=0.2)
    assert ((offsets >= 5) & (offsets < 7)).sum() == pytest.approx(200, abs=1)


def test_pairs_end_with_the_last_and_a_duration_may_do_so_before():
    pairs = [(100, 1.0), (10, 1.0)]
    assert Step(pairs, arrivals="constant").plan(5, 0).count == 110
    assert Step(pairs, arrivals="constant", duration=1).plan(5, 0).count == 100


@pytest.mark.parametrize("place", [{"at": 9}, {"width": 11}, {"at": 5, "width": 6}])
def test_a_burst_beyond_the_load_is_refused(place):
    with pytest.raises(UsageError, match="beyond the 10 s of the load: move it"):
        Spike(1, 9, duration=10, **place).plan(1, 0)


@pytest.mark.parametrize(
    "scenario",
    [
        Ramp(500, 1_500, requests=30),
        Step([500, 1_500], duration=0.03),
        Spike(500, 1_500, duration=0.03),
    ],
)
def test_each_is_sent_as_planned(scenario):
    run = lp.profile(len, ["ab"], scenario, seed=4, progress=False, signals=False)
    offsets = scenario.plan(1, 4).offsets
    assert np.array_equal(np.diff(run.requests["intended_ns"]), np.diff(offsets))
    assert run.manifest["arrivals"]["planned"] == len(offsets)
