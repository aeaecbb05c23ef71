from __future__ import annotations

import math

import numpy as np
import pytest

from latprof.analysis.drift.level import Level, difference, mean_level, median_level


def noisy(seed, n=600, correlation=0.7):
    noise = np.random.default_rng(seed).standard_normal(n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return noise


def test_the_interval_of_a_mean_holds_it_though_neighbours_resemble_each_other():
    """Of 200 at 95 %: a binomial law of that chance stays above 90 % in 99 of 100 cases."""
    levels = [mean_level(noisy(seed)) for seed in range(200)]
    assert np.mean([each.low <= 0 <= each.high for each in levels]) >= 0.9


def test_the_interval_of_a_difference_holds_it():
    held = 0
    for seed in range(200):
        early, late = noisy(seed), noisy(1000 + seed) + 3
        apart = difference(mean_level(early), mean_level(late))
        held += apart.low <= 3 <= apart.high
    assert held >= 180


def test_a_median_has_the_interval_that_its_sample_can_carry():
    level = median_level(np.arange(1.0, 1001.0))
    assert level.value == 500.5
    assert level.low < 500.5 < level.high
    assert math.isnan(median_level(np.arange(1.0, 4.0)).low)


def test_of_nothing_there_is_no_level():
    assert math.isnan(mean_level(np.empty(0)).value)
    assert math.isnan(median_level(np.empty(0)).value)
    assert mean_level(np.array([4.0])).value == 4
    assert math.isnan(mean_level(np.array([4.0])).low)


def test_a_lopsided_interval_stays_lopsided():
    apart = difference(Level(1, 1, 1), Level(3, 2, 7))
    assert apart == Level(2, pytest.approx(1), pytest.approx(6))
