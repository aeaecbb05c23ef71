"""How far two samples of an attribute are apart: population stability index, Kolmogorov-Smirnov."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, kolmogorov

from latprof.analysis.effective import effective_size

__all__ = ["Shift", "shift_of_categories", "shift_of_numbers"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_DECILES = np.arange(0.1, 0.95, 0.1)


class Shift(NamedTuple):
    """What distinguishes two samples.

    Attributes:
        psi: Population stability index, less what chance brings to samples of their worth.
        ks: Largest distance between their cumulative shares; NaN of categories.
        p_value: Chance of samples so far apart from one population.
    """

    psi: float
    ks: float
    p_value: float


def shift_of_numbers(before: Floats, after: Floats) -> Shift:
    """Return how far two samples of a number are apart; each in order of time, without NaN.

    Args:
        before: Shape `(n,)`; its deciles are the bins of the index.
        after: Shape `(m,)`.

    Source:
        The index and its limits (0.1 a small shift, 0.25 a large one): Siddiqi, Credit Risk
        Scorecards, ch. 8. Its law without a shift: Yurdakul, "Statistical properties of population
        stability index", Western Michigan University (2018). Kolmogorov-Smirnov with as many
        values as the samples are worth, since neighbours resemble each other.

    >>> same = np.arange(1000.0)
    >>> shift_of_numbers(same, same)
    Shift(psi=0.0, ks=0.0, p_value=1.0)
    >>> round(shift_of_numbers(same, same + 500).ks, 2)
    0.5
    """
    if not before.size or not after.size:
        return Shift(math.nan, math.nan, 1.0)
    middle = float(np.median(np.concatenate([before, after])))
    worth = (_worth(before > middle), _worth(after > middle))
    ks = _largest_distance(before, after)
    edges = np.unique(np.quantile(before, _DECILES, method="inverted_cdf"))
    one, other = (
        np.bincount(np.searchsorted(edges, each), minlength=edges.size + 1)
        for each in (before, after)
    )
    whole = math.sqrt(worth[0] * worth[1] / (worth[0] + worth[1]))
    p_value = float(kolmogorov(ks * whole)) if ks else 1.0
    return Shift(max(0.0, _index(one, other) - _by_chance(one + other, worth)), ks, p_value)


def shift_of_categories(before: Codes, after: Codes, categories: int) -> Shift:
    """Return how far two samples of an attribute with a few values are apart.

    Args:
        before: Index of the category of each, in order of time, shape `(n,)`.
        after: Shape `(m,)`.
        categories: How many there are.

    >>> sample = np.arange(1000) % 4
    >>> shift_of_categories(sample, sample, 4).p_value
    1.0
    """
    if not before.size or not after.size:
        return Shift(math.nan, math.nan, 1.0)
    one, other = (np.bincount(each, minlength=categories) for each in (before, after))
    usual = np.argsort(-(one + other), kind="stable")[: np.count_nonzero(one + other)]
    first, second = (
        min(_worth(sample == code) for code in usual[:_LOOKED_AT]) for sample in (before, after)
    )
    worth = (first, second)
    index = _index(one[usual], other[usual])
    scale = 1 / worth[0] + 1 / worth[1]
    p_value = float(chdtrc(max(1, usual.size - 1), index / scale))
    return Shift(max(0.0, index - _by_chance(one + other, worth)), math.nan, p_value)


_LOOKED_AT = 3  # the largest categories show whether neighbours resemble each other


def _worth(marked: npt.NDArray[np.bool_]) -> float:
    share = float(np.count_nonzero(marked)) / marked.size
    return effective_size(marked, share) if 0 < share < 1 else float(marked.size)


def _largest_distance(before: Floats, after: Floats) -> float:
    one, other = np.sort(before), np.sort(after)
    every = np.concatenate([one, other])
    shares = [np.searchsorted(each, every, side="right") / each.size for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def _index(before: Codes, after: Codes) -> float:
    """Return the index of counts; half a value in each bin keeps an empty one from infinity."""
    one, other = ((each + 0.5) / (each.sum() + 0.5 * each.size) for each in (before, after))
    return float(((other - one) * np.log(other / one)).sum())


def _by_chance(counts: Codes, worth: tuple[float, float]) -> float:
    bins = int(np.count_nonzero(counts))
    return (bins - 1) * (1 / worth[0] + 1 / worth[1])
