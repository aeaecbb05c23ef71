"""Where a quantile that each of many runs measured once came to another level."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latprof.analysis.levels import noise_between, partition

__all__ = ["FEWEST", "Jump", "Steps", "find_steps"]

Floats = npt.NDArray[np.float64]

FEWEST = 8
"""Runs that show a level, a change and a level, and how much runs of one level scatter."""

# How much larger than it seems the noise of few runs is taken to be. Of 600 series of independent
# noise of 3 %, 8, 12 and 16 runs long, 12, 5.5 and 0.3 % had a change of more than 3 % with 0 here,
# 6, 2.3 and 0 % with 3, and 4.8, 1.3 and 0 % with 5.
_UNSURE = 5

_SPIKE = 4.0  # times the noise: a run of noise alone is as far out once in sixteen thousand

_Z = 1.96


@dataclass(frozen=True, slots=True)
class Jump:
    """A change of level.

    Attributes:
        at: Index of the first run of the new level.
        ratio: The new level over the old one.
        low: Lower end of its 95 % interval, as the scatter of runs around their level has it.
        high: Upper end.
    """

    at: int
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Steps:
    """A series as levels.

    Attributes:
        edges: First run of each level, and the number of runs at the end.
        levels: Geometric mean of each level, in the unit of the values.
        jumps: From each level to the next.
    """

    edges: tuple[int, ...]
    levels: tuple[float, ...]
    jumps: tuple[Jump, ...]


def find_steps(values: Floats, least_noise: float) -> Steps | None:
    """Return the levels of a series, each of two runs or more; None of fewer than 8 runs.

    What one run alone has, the latest for example, is no level: it may be the mood of the machine.

    Args:
        values: Positive, one a run, in the order of time, shape `(n,)`.
        least_noise: Standard deviation of their logs around a level where they scatter by less.

    Source:
        Exact partitioning with the penalty of `analysis.levels`, whose noise is told by the steps
        between neighbours, so that changes of level do not count as noise.

    >>> steps = find_steps(np.array([10.0] * 6 + [12.0] * 6), 0.01)
    >>> steps.edges, [round(each, 3) for each in steps.levels]
    ((0, 6, 12), [10.0, 12.0])
    """
    if values.size < FEWEST:
        return None
    logs = np.log(values)
    noise = max(least_noise, noise_between(logs) * (1 + _UNSURE / values.size))
    logs = _without_spikes(logs, noise)
    edges = partition(logs / noise)
    heights = [float(logs[a:b].mean()) for a, b in itertools.pairwise(edges)]
    jumps = tuple(
        _jump(edges[i : i + 3], heights[i + 1] - heights[i], noise) for i in range(len(heights) - 1)
    )
    return Steps(edges, tuple(math.exp(each) for each in heights), jumps)


def _without_spikes(logs: Floats, noise: float) -> Floats:
    """Return a series in which a run far from both its neighbours is the median of the three.

    Averaged with a neighbour, it would be a level of two runs, and the wrong one of them to blame.
    A level of two runs or more stays as it is.
    """
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(logs, 3), axis=1)[:, 1]
    middles = np.concatenate((windows[:1], windows, windows[-1:]))
    return np.where(np.abs(logs - middles) > _SPIKE * noise, middles, logs)


def _jump(edges: tuple[int, ...], rise: float, noise: float) -> Jump:
    before, at, after = edges
    reach = _Z * noise * math.sqrt(1 / (at - before) + 1 / (after - at))
    return Jump(at, *(math.exp(each) for each in (rise, rise - reach, rise + reach)))
