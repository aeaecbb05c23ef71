from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, theilslopes

from latprof.analysis.trend import find_trend


@pytest.mark.parametrize("slope", [0.0, 0.02, -0.1])
def test_agrees_with_scipy(slope):
    rng = np.random.default_rng(4)
    series = slope * np.arange(60) + rng.standard_normal(60)
    found = find_trend(series)
    assert found.rise == pytest.approx(59 * theilslopes(series)[0])
    exact = kendalltau(np.arange(60), series, method="asymptotic").pvalue
    assert found.p_value == pytest.approx(exact, rel=0.15)


def test_false_alarms_are_as_rare_as_the_p_value_says():
    """1 000 series without a trend: 50 expected below 0.05, 27 to 73 within 3.3 deviations."""
    rng = np.random.default_rng(5)
    alarms = sum(find_trend(rng.standard_normal(40)).p_value < 0.05 for _ in range(1000))
    assert 27 <= alarms <= 73


def test_one_outlier_does_not_tilt_the_line():
    series = np.zeros(30)
    series[-1] = 100
    found = find_trend(series)
    assert found.rise == 0
    assert found.residuals.tolist() == series.tolist()
