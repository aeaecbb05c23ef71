"""Slow drift of a series: Theil-Sen slope, Kendall's test against time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Trend", "find_trend"]


class Trend(NamedTuple):
    """A straight line through a series.

    Attributes:
        rise: How much the line rises from the first value to the last, in units of the series.
        p_value: Chance of so clear an order in a series without any.
        residuals: What the line leaves unexplained, shape `(k,)`.
    """

    rise: float
    p_value: float
    residuals: npt.NDArray[np.float64]


def find_trend(series: npt.NDArray[np.float64]) -> Trend:
    """Return the trend of an evenly spaced series of at least 3 values.

    Source:
        Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968);
        Mann, "Nonparametric tests against trend", Econometrica 13 (1945): the normal
        approximation of S with continuity correction, good from 10 values on.

    >>> import numpy as np
    >>> trend = find_trend(np.arange(20.0))
    >>> trend.rise, trend.p_value < 1e-6
    (19.0, True)
    """
    earlier, later = np.triu_indices(series.size, 1)
    steps = series[later] - series[earlier]
    slope = float(np.median(steps / (later - earlier)))
    detrended = series - slope * np.arange(series.size)
    return Trend(
        rise=slope * (series.size - 1),
        p_value=_kendall_p(float(np.sign(steps).sum()), series.size),
        residuals=detrended - np.median(detrended),
    )


def _kendall_p(score: float, n: int) -> float:
    """Return the two-sided chance of Kendall's S, given no order."""
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    z = max(0.0, abs(score) - 1) / deviation
    return math.erfc(z / math.sqrt(2))
