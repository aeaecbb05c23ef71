from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import binom, norm

from latprof.analysis.effective import effective_size
from latprof.analysis.quantiles import interval_ranks, nearest_rank, quantile, quantiles
from latprof.errors import UsageError

# Smallest samples with a finite upper end, by confidence of the interval: 95 % on both sides,
# 95 % and 99 % on one side.
SMALLEST = {
    0.5: (6, 5, 7),
    0.9: (36, 29, 44),
    0.95: (72, 59, 90),
    0.99: (368, 299, 459),
    0.999: (3688, 2995, 4603),
    0.9999: (36887, 29956, 46050),
}


@pytest.mark.parametrize("q", SMALLEST)
@pytest.mark.parametrize(("column", "confidence"), [(0, 0.95), (1, 0.90), (2, 0.98)])
def test_smallest_sample_with_an_upper_bound(q, column, confidence):
    n = SMALLEST[q][column]
    assert interval_ranks(n, q, confidence)[1] == n
    assert interval_ranks(n - 1, q, confidence)[1] is None


@pytest.mark.parametrize(
    ("q", "ranks"), [(0.95, (184, 197)), (0.99, (195, None)), (0.999, (199, None))]
)
def test_ranks_of_200_values(q, ranks):
    assert interval_ranks(200, q) == ranks


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(0.01, 0.999), st.sampled_from([0.8, 0.95, 0.99]))
def test_ranks_are_the_tightest_that_keep_the_confidence(n, q, confidence):
    low, high = interval_ranks(n, q, confidence)
    miss = (1 - confidence) / 2 * (1 + 1e-9)
    below = binom(n, q)
    if low is not None:
        assert below.cdf(low - 1) <= miss
    assert below.cdf(low or 0) > miss * (1 - 1e-6)
    if high is not None:
        assert below.sf(high - 1) <= miss
        assert below.sf(high - 2) > miss * (1 - 1e-6)
    else:
        assert below.sf(n - 1) > miss * (1 - 1e-6)


@pytest.mark.parametrize(
    ("n", "q", "rank"), [(200, 0.95, 190), (100, 0.07, 7), (10, 0.5, 5), (1, 0.99, 1), (3, 0.01, 1)]
)
def test_nearest_rank_is_not_led_astray_by_binary_fractions(n, q, rank):
    assert nearest_rank(n, q) == rank


@pytest.mark.parametrize(
    ("n", "q", "printed", "reliable"),
    [
        (20, 0.5, True, True),
        (19, 0.5, True, False),
        (10, 0.5, True, False),
        (9, 0.5, False, False),
        (50, 0.9, True, False),
        (49, 0.9, False, False),
        (100, 0.95, True, False),
        (99, 0.95, False, False),
        (500, 0.99, True, False),
        (499, 0.99, False, False),
        (1000, 0.99, True, True),
        (500, 0.01, True, False),
        (499, 0.01, False, False),
    ],
)
def test_what_an_independent_sample_carries(n, q, printed, reliable):
    spread = quantile(_evenly_spread(n, q), q)
    assert spread.n_effective == n
    assert (spread.value_ns is not None) is printed
    assert spread.reliable is reliable


def _evenly_spread(n, q):
    """Values whose exceedances of the q quantile come at equal distances."""
    ranks = np.floor(np.arange(1, n + 1) * (1 - q)) - np.floor(np.arange(n) * (1 - q))
    return np.where(ranks > 0, 2000, 1000) + np.arange(n) % 7


def test_what_the_sample_cannot_carry_is_bounded_from_below_only():
    # Exceedances at equal distances, so that all 200 count.
    values = 1000 * (1 + np.arange(200) * 77 % 200)
    found = quantile(values, 0.99)
    assert found.n_effective == 200
    assert (found.value_ns, found.low_ns, found.high_ns) == (None, 195_000, None)
    assert str(found) == "n/a (>= 195 µs)"


def test_the_largest_value_never_passes_for_a_bound():
    values = np.arange(1, 300) * 1000
    assert quantile(np.random.default_rng(0).permutation(values), 0.99).high_ns is None


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_samples(n):
    found = quantile(np.full(n, 5), 0.5)
    assert (found.value_ns, found.n, found.reliable) == (None, n, False)


def test_equal_values_have_an_interval_of_one_point():
    found = quantile(np.full(1000, 7_000), 0.9)
    assert (found.low_ns, found.value_ns, found.high_ns) == (7_000, 7_000, 7_000)


def test_values_beyond_double_precision_stay_exact():
    values = (1 << 62) + np.random.default_rng(0).permutation(1000)
    assert quantile(values, 0.5).value_ns == (1 << 62) + 499


def test_more_confidence_takes_a_wider_interval():
    values = np.random.default_rng(7).lognormal(15, 1, 2000).astype(np.int64)
    narrow, wide = quantile(values, 0.9, 0.8), quantile(values, 0.9, 0.99)
    assert wide.low_ns < narrow.low_ns < narrow.value_ns < narrow.high_ns < wide.high_ns
    assert "99 %" in str(wide)


def test_several_quantiles_are_those_taken_one_by_one():
    values = np.random.default_rng(5).lognormal(15, 1, 5000).astype(np.int64)
    qs = (0.01, 0.5, 0.9, 0.99)
    assert quantiles(values, qs) == [quantile(values, q) for q in qs]


def test_the_order_of_values_carries_the_correlation():
    values = np.random.default_rng(6).lognormal(15, 1, 4000).astype(np.int64)
    shuffled, ordered = quantile(values, 0.9), quantile(np.sort(values), 0.9)
    assert shuffled.value_ns == quantile(values, 0.9).value_ns
    assert ordered.n_effective < shuffled.n_effective / 50


@pytest.mark.parametrize("q", [0, 1, -0.5, 99, float("nan")])
def test_a_quantile_that_is_none_is_refused(q):
    with pytest.raises(UsageError, match="between 0 and 1"):
        quantile(np.arange(10), q)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(UsageError, match="confidence"):
        quantile(np.arange(10), 0.5, confidence)


def lognormal(rng, n):
    return np.exp(0.5 * rng.standard_normal(n))


def autoregressive(rng, n):
    """Lognormal as above, with an AR(1) of 0.9 in the logs."""
    steps = rng.standard_normal(n) * np.sqrt(1 - 0.9**2)
    steps[0] = rng.standard_normal()
    return np.exp(0.5 * lfilter([1], [1, -0.9], steps))


def sojourns(rng, n):
    """Time in an M/M/1 queue at utilisation 0.5, in services; exponential with mean 2."""
    spare = 500
    service, gap = rng.exponential(1, n + spare), rng.exponential(2, n + spare)
    steps = np.cumsum(np.concatenate(([0.0], service[:-1] - gap[1:])))
    return (steps - np.minimum.accumulate(np.minimum(steps, 0)) + service)[spare:]


@pytest.mark.parametrize(
    ("draw", "truth", "n", "q"),
    [
        (lognormal, lambda q: np.exp(0.5 * norm.ppf(q)), 30, 0.5),
        (lognormal, lambda q: np.exp(0.5 * norm.ppf(q)), 1000, 0.99),
        (autoregressive, lambda q: np.exp(0.5 * norm.ppf(q)), 2000, 0.5),
        (autoregressive, lambda q: np.exp(0.5 * norm.ppf(q)), 5000, 0.95),
        (sojourns, lambda q: -2 * np.log(1 - q), 5000, 0.5),
        (sojourns, lambda q: -2 * np.log(1 - q), 10000, 0.99),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(draw, truth, n, q):
    """At nominal 0.95, 200 draws: 0.90 is 3.2 standard deviations (0.0154) below."""
    aim = 1e6 * truth(q)
    held = 0
    for seed in range(200):
        values = (1e6 * draw(np.random.default_rng(seed), n)).astype(np.int64)
        found = quantile(values, q)
        above = found.low_ns is None or found.low_ns <= aim
        held += above and (found.high_ns is None or aim <= found.high_ns)
    assert held / 200 >= 0.90


def test_counting_correlated_requests_as_independent_would_fail():
    """The method must be doing something: plain binomial ranks hold the truth far too seldom."""
    aim, held = 1e6 * -2 * np.log(0.01), 0
    low, high = interval_ranks(10000, 0.99)
    for seed in range(100):
        values = np.sort(1e6 * sojourns(np.random.default_rng(seed), 10000))
        held += values[low - 1] <= aim <= values[high - 1]
    assert held / 100 < 0.75


def test_a_tail_that_was_spared_its_clusters_is_worth_no_more_than_the_values_near_it():
    """What lies beyond p99.5 is spread evenly, what lies just before it comes in five spells."""
    index = np.arange(10_000)
    values = index * 7919 % 10_000 // 100
    values[index % 2_000 < 10] = 200
    values[50::200] = 300
    assert effective_size(values > 200, 0.995) == 10_000
    assert quantile(values, 0.995).n_effective < 5_000
