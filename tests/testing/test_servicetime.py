from __future__ import annotations

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.testing import ConstantTime, ExponentialTime, LognormalTime

TIMES = [ExponentialTime(0.004), LognormalTime(0.004, cv=0.5)]


@pytest.mark.parametrize("time", TIMES, ids=repr)
def test_what_is_drawn_follows_the_stated_distribution(time):
    drawn_s = np.sort(time.draw_ns(np.random.default_rng(1), 20_000)) / 1e9
    assert drawn_s.mean() == pytest.approx(0.004, rel=0.03)
    # Kolmogorov and Smirnov: at 20,000 draws a distance of 0.0138 has a chance of 1 in 1,000.
    above = 1 - np.arange(1, 20_001) / 20_000
    assert np.abs(time.survival(drawn_s) - above).max() < 0.0138


def test_a_constant_time_is_over_at_once():
    time = ConstantTime(0.004)
    assert set(time.draw_ns(np.random.default_rng(1), 3)) == {4_000_000}
    assert time.survival(np.array([0.0, 0.0039, 0.0041])).tolist() == [1, 1, 0]


def test_a_lognormal_time_has_its_variation():
    drawn = LognormalTime(1.0, cv=0.5).draw_ns(np.random.default_rng(2), 100_000)
    assert drawn.std() / drawn.mean() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("mean_s", [0, -1.0, float("nan"), float("inf")])
def test_a_mean_is_positive_and_finite(mean_s):
    with pytest.raises(UsageError, match="a mean service time is a positive number"):
        ExponentialTime(mean_s)


def test_a_variation_is_positive():
    with pytest.raises(UsageError, match="a coefficient of variation is a positive number"):
        LognormalTime(1.0, cv=0)
