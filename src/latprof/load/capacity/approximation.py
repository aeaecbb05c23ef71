"""Stochastic approximation: a rough answer from short loads that walk towards the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from latprof.load.capacity.bisection import CONFIDENCE
from latprof.load.capacity.budget import too_small
from latprof.load.capacity.trial import Outcome, Trial

if TYPE_CHECKING:
    from latprof.load.capacity.journal import Journal

__all__ = ["Approximation"]

_STEPS = 30
_LENGTH = 0.5  # of the fewest requests of a trial that decides
_GAIN, _SLOWING, _EXPONENT = 0.05, 10, 0.7
_AIM = 0.8  # of what the SLO allows to be beyond its limit, so that the error is on the safe side
_WORST = 20.0  # a load far too high says so clearly enough
_BACK_OFF = -2.0  # from a rate that the generator cannot keep up
_FEWEST_STEPS = 10


@dataclass(slots=True)
class Approximation:
    """Walks to the highest rate that keeps the SLO.

    The rate is lowered where more requests are beyond a limit than is aimed at, raised where fewer
    are, by steps that become smaller. Nothing is decided by an interval.

    Attributes:
        journal: Makes the trials.
        fewest: Requests of a trial that could decide; a step takes half of them.
        floor: Do not go below this rate.
        ceiling: Nor above this one.
        path: The logarithm of the rate after each step.

    Source:
        Robbins and Monro, "A stochastic approximation method", Ann. Math. Stat. 22 (1951); the
        mean over the path: Polyak and Juditsky, SIAM J. Control Optim. 30 (1992). Gains chosen by
        simulation of M/G/1.
    """

    journal: Journal
    fewest: int
    floor: float
    ceiling: float
    path: list[float] = field(default_factory=list)
    stopped: str = ""

    def run(self, expected: float) -> None:
        """Walk from the rate where a replay expects the answer."""
        size = max(1, round(self.fewest * _LENGTH))
        low, high = math.log(self.floor), math.log(self.ceiling)
        place = min(max(math.log(expected), low), high)
        for step in range(_STEPS):
            rate = math.exp(place)
            if not self.journal.budget.affords(size, rate):
                self.stopped = too_small(size, rate)
                break
            trial = self.journal.trial(rate, size, CONFIDENCE)
            gain = _GAIN / (1 + step / _SLOWING) ** _EXPONENT
            place = min(max(place + gain * _push(trial), low), high)
            self.path.append(place)

    @property
    def rate(self) -> float | None:
        """The geometric mean over the second half of the path; None before ten steps."""
        later = self.path[len(self.path) // 2 :]
        return math.exp(sum(later) / len(later)) if len(self.path) >= _FEWEST_STEPS else None


def _push(trial: Trial) -> float:
    """Return which way to go and how far: 0 where as many are beyond a limit as is aimed at."""
    if trial.outcome is Outcome.INVALID:
        return _BACK_OFF
    beyond = max(reading.share / reading.term.allowed for reading in trial.readings)
    if trial.outcome is Outcome.FAIL:  # a queue that grows is too much, however patient the SLO
        beyond = max(beyond, 1.0)
    return _AIM - min(beyond, _WORST)
