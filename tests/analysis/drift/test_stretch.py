from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.drift.stretch import find_stretch

LEAST = 20


def gaps(n, mean, seed, cv=1.0):
    return np.random.default_rng([seed, 9]).gamma(cv**-2, mean * cv**2, n)


@pytest.mark.parametrize("n", [60, 300, 5_000])
def test_a_spike_is_found_where_it_is(n):
    third = n // 3
    series = np.r_[gaps(third, 9, 0), gaps(third, 1.5, 1), gaps(third, 9, 2)]
    found = find_stretch(series, LEAST)
    assert found.begin == pytest.approx(third, abs=0.06 * n)
    assert found.end == pytest.approx(2 * third, abs=0.06 * n)


def test_a_change_for_good_goes_to_the_end():
    found = find_stretch(np.r_[gaps(100, 9, 0), gaps(60, 2, 1)], LEAST)
    assert found.begin == pytest.approx(100, abs=8)
    assert found.end == pytest.approx(160, abs=4)


def test_a_lull_is_no_stretch_of_small_values_but_what_is_around_it_may_be():
    found = find_stretch(np.r_[gaps(30, 2, 0), gaps(200, 2, 1), gaps(60, 60, 2)], LEAST)
    assert found.begin <= 10
    assert found.end == pytest.approx(230, abs=10)


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("n", [40, 150, 3_000])
def test_false_alarms_are_rare_whatever_the_law(n, cv):
    alarms = sum(find_stretch(gaps(n, 5, seed, cv), LEAST) is not None for seed in range(200))
    assert alarms <= 2  # 0.1 % of 200 is 0.2; more than 2 has a chance of 0.1 %


@pytest.mark.parametrize("n", [0, 1, 39])
def test_too_few_values_have_none(n):
    assert find_stretch(np.arange(n, dtype=float), LEAST) is None


def test_values_that_are_all_alike_have_none():
    assert find_stretch(np.full(100, 7.0), LEAST) is None
