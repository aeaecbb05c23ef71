from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.drift.change import FEWEST, find_change, together


def correlated(n, correlation, seed):
    """AR(1) noise of variance 1."""
    noise = np.random.default_rng(seed).standard_normal(n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return noise


def heavy(n, _, seed):
    return np.random.default_rng(seed).pareto(2.5, n)


@pytest.mark.parametrize(
    ("law", "n", "correlation", "most"),
    [
        (correlated, 20, 0.0, 0.05),
        (correlated, 200, 0.0, 0.05),
        (correlated, 200, 0.5, 0.05),
        (correlated, 1000, 0.8, 0.05),
        (heavy, 200, None, 0.05),
        # So strongly correlated, 200 values are worth ten: the chances no longer hold quite.
        (correlated, 200, 0.9, 0.15),
    ],
)
def test_a_series_that_does_not_change_is_called_changed_as_seldom_as_promised(
    law, n, correlation, most
):
    """Of 200 series at 5 %: a binomial law of that chance stays below 9 % in 99 of 100 cases."""
    alarms = [find_change(law(n, correlation, seed)).p_value < 0.05 for seed in range(200)]
    assert np.mean(alarms) <= most + 0.04


@pytest.mark.parametrize(("n", "step", "least"), [(60, 2, 0.9), (200, 1, 0.9), (1000, 0.5, 0.9)])
def test_a_step_is_found_and_placed(n, step, least):
    found = [
        find_change(correlated(n, 0, seed) + step * (np.arange(n) >= 0.6 * n))
        for seed in range(100)
    ]
    assert np.mean([each.p_value <= 0.01 for each in found]) >= least
    assert np.median([each.at for each in found]) == pytest.approx(0.6 * n, abs=0.02 * n)


def test_a_slow_climb_is_found_in_correlated_noise():
    climb = np.linspace(0, 2, 400)
    found = [find_change(correlated(400, 0.5, seed) + climb).p_value for seed in range(50)]
    assert np.mean(np.array(found) <= 0.01) >= 0.8


def test_a_burst_that_passes_is_no_change():
    burst = 3.0 * ((np.arange(600) > 250) & (np.arange(600) < 330))
    found = [find_change(correlated(600, 0.3, seed) + burst).p_value for seed in range(100)]
    assert np.mean(np.array(found) <= 0.01) <= 0.02


def test_constant_sides_are_told_apart_and_a_constant_is_not():
    change = find_change([1.0] * 30 + [2.0] * 30)
    assert (change.at, change.p_value) == (30, pytest.approx(0.0002))
    assert find_change([1.0] * 60).p_value == 1
    assert find_change(np.arange(FEWEST - 1)).p_value == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), max_size=80), st.floats(-1e6, 1e6))
def test_any_series_has_a_chance_and_a_place(values, constant):
    change = find_change(values)
    assert 0 < change.p_value <= 1
    assert 0 <= change.at <= len(values)
    assert find_change([constant] * len(values)).p_value == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_chances_together_are_never_smaller_and_keep_their_order(chances):
    held = together(chances)
    assert all(one <= other <= 1 for one, other in zip(chances, held, strict=True))
    order = np.argsort(chances, kind="stable")
    assert (np.diff(np.array(held)[order]) >= 0).all()
