"""The level of a series with its interval, and the distance between two levels with its own."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from latprof.analysis.quantiles import quantiles

__all__ = ["Level", "difference", "mean_level", "median_level"]

Floats = npt.NDArray[np.float64]

# Sixteen batches, of three values at least: as in `effective`.
_BATCHES = 16
_SMALLEST_BATCH = 3


class Level(NamedTuple):
    """A mean, a share or a median.

    Attributes:
        value: As found.
        low: Lower end of its 95 % interval; NaN where the sample does not bound it.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def mean_level(values: Floats) -> Level:
    """Return the mean of values in order of time, however they depend on their neighbours.

    Source:
        Batch means: Law, Simulation Modeling and Analysis, section 9.5.

    >>> level = mean_level(np.array([1.0, 2.0, 3.0] * 100))
    >>> level.value, round(level.high - level.value, 2)
    (2.0, 0.09)
    """
    if values.size < 2:
        mean = float(values.mean()) if values.size else math.nan
        return Level(mean, math.nan, math.nan)
    margin = _margin(values)
    size = values.size // _BATCHES
    if size >= _SMALLEST_BATCH:
        batches = values[: size * _BATCHES].reshape(_BATCHES, size).mean(axis=1)
        margin = max(margin, _margin(batches))
    mean = float(values.mean())
    return Level(mean, mean - margin, mean + margin)


def _margin(values: Floats) -> float:
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    return error * float(stdtrit(values.size - 1, 0.975))


def median_level(values: Floats) -> Level:
    """Return the median of times in ns, in order of time; its interval counts what they are worth.

    >>> median_level(np.arange(1.0, 1000.0)).value
    500.0
    """
    if not values.size:
        return Level(math.nan, math.nan, math.nan)
    (found,) = quantiles(values.astype(np.int64), (0.5,))
    low, high = (math.nan if end is None else float(end) for end in (found.low_ns, found.high_ns))
    return Level(float(np.median(values)), low, high)


def difference(before: Level, after: Level) -> Level:
    """Return how far one level lies above another, from the intervals of both.

    Source:
        Zou and Donner, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27 (2008).

    >>> difference(Level(10, 9, 11), Level(20, 19, 21)).value
    10
    """
    low = math.hypot(after.value - after.low, before.high - before.value)
    high = math.hypot(after.high - after.value, before.value - before.low)
    apart = after.value - before.value
    return Level(apart, apart - low, apart + high)
