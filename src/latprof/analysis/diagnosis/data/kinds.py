"""Two kinds of passages through a stage: quick ones, slow ones, and nothing in between.

That is how a cache looks from outside, or a path that some inputs take. What happens every so many
requests, in bursts, or to the whole process at once is no matter of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.drift.growth import worked

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Kinds", "two_kinds"]

Floats = npt.NDArray[np.float64]

_RARE, _MOST = 0.05, 0.5  # of requests: fewer are stalls, and more are the usual time
_FEWEST = 10  # slow ones
_APART = 1.8  # times the longest quick one: chance leaves gaps of up to 1.6 in long tails
_TIMES = 5.0  # the usual time of the stage: where inputs do not come again, three could be a size
_OF_REQUEST = 0.5  # of the usual request beyond it
_LEAST_NS = 1e6
_PARTS, _OF_A_PART = 4, 0.3  # of an even share: what is in one part of the run alone is a burst
_BY_CHANCE = 0.5  # variation of the distances between slow ones: 1 by chance, 0 for every tenth
_ELSEWHERE = 0.3  # of the slow ones, at most, are slow in another stage


class Kinds(NamedTuple):
    """The slow kind of passages through a stage.

    Attributes:
        stage: Which.
        slow: Which requests, shape `(n,)`.
        shortest_ns: The shortest of them.
        longest_quick_ns: The longest of the others.
    """

    stage: str
    slow: npt.NDArray[np.bool_]
    shortest_ns: float
    longest_quick_ns: float


def two_kinds(case: Case, stage: str) -> Kinds | None:
    """Return the slow kind of passages through a stage; None where there is one kind."""
    own = worked(case, stage)
    ordered = np.sort(own)
    first, last = int((1 - _MOST) * own.size), int((1 - _RARE) * own.size)
    if own.size - last < _FEWEST or last <= first:
        return None
    ratios = ordered[first + 1 : last + 1] / np.maximum(ordered[first:last], 1.0)
    cut = first + int(np.argmax(ratios))
    usual = float(np.median(own))
    beyond = max(_OF_REQUEST * float(np.median(case.service)), _LEAST_NS)
    shortest = float(ordered[cut + 1])
    if ratios.max() < _APART or shortest < max(_TIMES * usual, usual + beyond):
        return None
    slow = own >= shortest
    if not _by_chance(np.flatnonzero(slow), own.size) or _is_elsewhere(case, stage, slow):
        return None
    return Kinds(stage, slow, shortest, float(ordered[cut]))


def _by_chance(rows: npt.NDArray[np.intp], n: int) -> bool:
    """Return whether slow ones come throughout the run, and not by the count of requests."""
    parts = np.histogram(rows, bins=_PARTS, range=(0, n))[0]
    if parts.min() < _OF_A_PART * rows.size / _PARTS:
        return False
    distances = np.diff(rows)
    return bool(distances.std() >= _BY_CHANCE * distances.mean())


def _is_elsewhere(case: Case, stage: str, slow: npt.NDArray[np.bool_]) -> bool:
    """Return whether slow ones are slow in another stage too, as in a process that stood still."""
    own = worked(case, stage)
    extra = 0.5 * float(np.median(own[slow]) - np.median(own[~slow]))
    others = (worked(case, other) for other in case.stages if other != stage)
    longer = [times[slow] - np.median(times) >= extra for times in others]
    return bool(longer) and float(np.any(longer, axis=0).mean()) > _ELSEWHERE
