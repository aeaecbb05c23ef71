"""Whether and where a series changed for good, however its values depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.trend import find_trend

__all__ = ["FEWEST", "Change", "find_change", "together"]

Floats = npt.NDArray[np.float64]

FEWEST = 20
"""Values that a change takes; the chances below hold from here on."""

# How often the statistic exceeds a value in 100,000 series of 512 independent normal values that
# do not change. Those of series of 20 and of 64 differ by less than 5 %.
_CHANCES = (1.0, 0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_EXCEEDED = (0.0, 7.7, 29.6, 40.8, 57.7, 71.3, 86.2, 109.0, 129.5, 145.7, 178.4, 187.1)
# A steady climb strays from its mean on either side as much as across: the statistic cannot tell it
# from noise. The order of sixteen long blocks can, and keeps its chances where neighbours resemble
# each other (AR(1) of 0.8, 200 values: 1.6 % of false alarms at 1 %).
_BLOCKS = 16
_SMALLEST_BLOCK = 3
_EDGE = 0.05  # share of the series in which no place of a change is looked for, at either end


class Change(NamedTuple):
    """Where a series changed most, if it changed.

    Attributes:
        at: Index of the first value after it.
        p_value: Chance of so clear a change in a series without any; 0.0001 stands for less too.
    """

    at: int
    p_value: float


def find_change(series: npt.ArrayLike) -> Change:
    """Return the likeliest change of a series' mean, with the chance that there is none.

    Two tests share the chance of an error: one for steps, one for a steady climb.

    The sums before and after each place are set against what they do on either side of it, so
    that values that resemble their neighbours need no model of how they do: no block length, no
    bandwidth. What rises and falls back, as under a burst of a neighbour's work, is no change;
    a slow climb is one. Takes O(n).

    Args:
        series: Shape `(n,)`; give ranks where single large values should not count.

    Returns:
        Fewer than `FEWEST` values, or all of them alike, have a change with chance 1.

    Source:
        Shao and Zhang, "Testing for change points in time series", JASA 105 (2010): the
        self-normalised CUSUM statistic. A climb: Mann's test on block means, see `find_trend`.
        The place: least squares.

    >>> change = find_change([1, 2, 1, 2] * 10 + [4, 3, 4, 3] * 10)
    >>> change.at, change.p_value < 0.001
    (40, True)
    """
    values = np.asarray(series, np.float64)
    n = values.size
    if n < FEWEST or values.min() == values.max():
        return Change(n, 1.0)
    sums = np.cumsum(values - values.mean())
    sums[-1] = 0.0  # but for rounding
    left = _spread(sums)
    right = _spread(np.append(-sums[-2::-1], 0.0))
    own = (left[:-1] + right[-2::-1]) / n
    # Where both sides are constant there is nothing to set a step against: it is clear.
    least = 1e-12 * float(np.square(sums).max())
    statistic = float((np.square(sums[:-1]) / np.maximum(own, least)).max())
    chances = [_chance(statistic), *_climb(values)]
    return Change(_place(sums), min(1.0, len(chances) * min(chances)))


def _climb(values: Floats) -> list[float]:
    """Return the chance of such an order of blocks, where there are values enough for it."""
    size = values.size // _BLOCKS
    if size < _SMALLEST_BLOCK:
        return []
    blocks = values[values.size - size * _BLOCKS :].reshape(_BLOCKS, size)
    return [max(_CHANCES[-1], find_trend(blocks.mean(axis=1)).p_value)]


def _spread(sums: Floats) -> Floats:
    """Return, of each leading part, how far its sums stray from a straight line, squared."""
    at = np.arange(1.0, sums.size + 1)
    slope = sums / at
    squares, crossed = np.cumsum(np.square(sums)), np.cumsum(at * sums)
    lines: Floats = np.square(slope) * np.cumsum(np.square(at))
    return np.maximum(squares - 2 * slope * crossed + lines, 0.0)


def _place(sums: Floats) -> int:
    n = sums.size
    at = np.arange(max(1, round(_EDGE * n)), min(n - 1, n - round(_EDGE * n)) + 1)
    return int(at[np.argmax(np.square(sums[at - 1]) / (at * (n - at)))])


def _chance(statistic: float) -> float:
    """Return how often chance exceeds a statistic; its root falls nearly in a line with logs."""
    roots, logs = np.sqrt(_EXCEEDED), np.log(_CHANCES)
    return math.exp(float(np.interp(math.sqrt(statistic), roots, logs)))


def together(p_values: Sequence[float]) -> list[float]:
    """Return chances of several tests, each as sure among all as it was alone.

    Source:
        Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> together([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.asarray(p_values, np.float64)[order] * np.arange(len(order), 0, -1)
    held = np.empty(len(order))
    held[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return [float(each) for each in held]
