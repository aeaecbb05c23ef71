from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from latprof.analysis.drift.population import shift_of_categories, shift_of_numbers


def lengths(seed, n=400, typical=100.0):
    return np.random.default_rng(seed).lognormal(np.log(typical), 0.5, n)


def test_samples_of_one_law_are_called_apart_as_seldom_as_promised():
    """Of 300 pairs at 5 %: a binomial law of that chance stays below 8.3 % in 99 of 100 cases."""
    shifts = [shift_of_numbers(lengths(s), lengths(1000 + s, 300)) for s in range(300)]
    assert np.mean([each.p_value < 0.05 for each in shifts]) <= 0.083
    assert np.mean([each.psi < 0.1 for each in shifts]) == 1
    draws = [np.random.default_rng(s).integers(0, 6, (2, 300)) for s in range(300)]
    found = [shift_of_categories(*pair, 6) for pair in draws]
    assert np.mean([each.p_value < 0.05 for each in found]) <= 0.083


def test_neighbours_that_resemble_each_other_count_as_fewer():
    """Requests come in spells of one tenant's length: 20 in a row are worth one."""

    def alarm(seed):
        early, late = (np.repeat(lengths(seed + k, 30), 20) for k in (0, 5000))
        return shift_of_numbers(early, late).p_value < 0.05, ks_2samp(early, late).pvalue < 0.05

    own, textbook = np.mean([alarm(seed) for seed in range(100)], axis=0)
    assert own <= 0.1
    assert textbook >= 0.5


def test_a_shift_is_found_and_its_size_told():
    shift = shift_of_numbers(lengths(0), lengths(1, typical=200))
    assert shift.p_value < 1e-6
    assert shift.psi > 0.25
    assert shift.ks == pytest.approx(ks_2samp(lengths(0), lengths(1, typical=200)).statistic)
    rng = np.random.default_rng(0)
    early, late = (rng.permutation(np.repeat([0, 1], each)) for each in ([300, 100], [100, 300]))
    mix = shift_of_categories(early, late, 2)
    assert mix.p_value < 0.001
    # (0.75 - 0.25) ln 3, twice, less what chance brings.
    assert mix.psi == pytest.approx(np.log(3), abs=0.02)


def test_a_category_that_is_new_keeps_the_index_finite():
    rng = np.random.default_rng(0)
    shift = shift_of_categories(rng.integers(0, 2, 500), rng.integers(1, 3, 500), 3)
    assert 0.25 < shift.psi < 20
    assert shift.p_value < 1e-6


def test_of_nothing_there_is_no_shift():
    for shift in (
        shift_of_numbers(np.empty(0), lengths(0)),
        shift_of_categories(np.zeros(5, int), np.empty(0, int), 1),
    ):
        assert math.isnan(shift.psi)
        assert shift.p_value == 1
