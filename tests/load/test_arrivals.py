from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latprof.errors import UsageError
from latprof.load import arrivals

RATES = st.floats(1e-6, 1e9)
SEEDS = st.integers(0, 2**63)


@given(rate=RATES, count=st.integers(1, 300))
def test_constant_is_equally_spaced_to_the_nanosecond(rate, count):
    offsets = arrivals.constant(rate, count=count)
    assert offsets.dtype == np.int64
    exact = [round(i * (1e9 / rate)) for i in range(count)]
    assert offsets.tolist() == exact


@given(rate=st.floats(0.1, 1e6), duration_ns=st.integers(1, 10**7))
def test_a_duration_keeps_what_lies_before_its_end(rate, duration_ns):
    offsets = arrivals.constant(rate, duration_ns=duration_ns)
    longer = arrivals.constant(rate, count=len(offsets) + 1)
    assert offsets.tolist() == longer[:-1].tolist()
    assert longer[-1] >= duration_ns > offsets[-1]


@given(rate=RATES, seed=SEEDS, count=st.integers(1, 200), more=st.integers(1, 200))
def test_a_longer_poisson_plan_begins_with_the_shorter(rate, seed, count, more):
    short = arrivals.poisson(rate, seed, count=count)
    long = arrivals.poisson(rate, seed, count=count + more)
    assert long[:count].tolist() == short.tolist()
    assert (np.diff(long) >= 0).all()
    assert long[0] >= 0


@settings(max_examples=5)
@given(seed=SEEDS)
def test_plans_that_take_several_draws_begin_with_the_shorter(seed):
    long = arrivals.poisson(1e5, seed, count=200_000)
    assert arrivals.poisson(1e5, seed, count=70_000).tolist() == long[:70_000].tolist()
    by_time = arrivals.poisson(1e5, seed, duration_ns=10**9)
    assert by_time.tolist() == long[long < 10**9].tolist()


@given(seed=SEEDS, factor=st.floats(1.1, 100))
def test_two_rates_of_one_seed_are_one_plan_stretched(seed, factor):
    slow = arrivals.poisson(10.0, seed, count=50)
    fast = arrivals.poisson(10.0 * factor, seed, count=50)
    assert np.allclose(fast * factor, slow, rtol=1e-6, atol=100 * factor)


def test_poisson_gaps_are_exponential_and_independent():
    gaps = np.diff(arrivals.poisson(1_000.0, 7, count=20_001))
    assert stats.kstest(gaps, "expon", args=(0, 1e6)).pvalue > 0.01
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 3 / np.sqrt(len(gaps))


def test_counts_of_a_fixed_duration_are_poisson_distributed():
    counts = [len(arrivals.poisson(50.0, seed, duration_ns=10**9)) for seed in range(400)]
    # Mean and variance are both 50; three standard errors of each over 400 draws.
    assert abs(np.mean(counts) - 50) < 3 * np.sqrt(50 / 400)
    assert abs(np.var(counts) - 50) < 3 * 50 * np.sqrt(2 / 400)


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 1e6, 1e9])
def test_extreme_rates_give_whole_plans(rate):
    for offsets in (arrivals.constant(rate, count=10), arrivals.poisson(rate, 0, count=10)):
        assert len(offsets) == 10
        assert (np.diff(offsets) >= 0).all()
        assert offsets[-1] == pytest.approx(10e9 / rate, rel=1)


def test_count_and_duration_together_end_at_the_first():
    assert len(arrivals.constant(10.0, count=3, duration_ns=10**9)) == 3
    assert len(arrivals.constant(10.0, count=30, duration_ns=10**9)) == 10


def test_a_plan_needs_an_end():
    with pytest.raises(UsageError, match="requests= or duration="):
        arrivals.constant(1.0)


@pytest.mark.parametrize("end", [{"count": 2**40}, {"duration_ns": 10**18}])
def test_a_plan_that_does_not_fit_in_memory_is_refused(end):
    with pytest.raises(UsageError, match="does not fit in memory"):
        arrivals.poisson(1e6, 0, **end)


def test_a_huge_count_is_fine_where_the_duration_ends_it():
    assert len(arrivals.constant(10.0, count=2**40, duration_ns=10**9)) == 10
