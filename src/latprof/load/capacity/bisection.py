"""Bisection: between a rate that passed and one that did not, the highest known to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latprof.load.capacity.budget import BudgetSpent
from latprof.load.capacity.trial import Outcome, Trial

if TYPE_CHECKING:
    from latprof.load.capacity.journal import Journal

__all__ = ["CONFIDENCE", "Bisection"]

CONFIDENCE = 0.95
"""A rate that just breaks the SLO passes in 5 of 100 searches at most, all looks together."""

_BELOW, _ABOVE = 0.89, 1.12  # the replay errs by about 10 %
_FASTEST_STEP = 4.0
_CLOSE = 1.03


@dataclass(slots=True)
class Bisection:
    """Narrows the range of rates down.

    A rate is looked at with fresh loads of 1, 4 and 16 times the fewest requests, until the
    interval of every term is on one side of its limit. How many looks there can be is fixed before
    the first, and the chance of a wrong pass is divided among them: to look until it is green
    would make it several times as large. Whatever stays undecided is no pass.

    Attributes:
        journal: Makes the trials.
        fewest: Requests of the shortest trial.
        floor: Do not go below this rate.
        ceiling: Nor above this one.
        passed: The last trial at the highest rate that passed.
        failed: The last trial at the lowest rate above it that did not.
    """

    journal: Journal
    fewest: int
    floor: float
    ceiling: float
    passed: Trial | None = None
    failed: Trial | None = None
    drift: str = ""
    stopped: str = ""
    _first: Trial | None = None

    def run(self, expected: float) -> None:
        """Search around the rate where a replay expects the answer.

        Where the budget ends first, `stopped` says so.
        """
        low = min(max(expected * _BELOW, self.floor), self.ceiling)
        try:
            self._try(low)
            self._widen(low, low * _ABOVE / _BELOW)
            self._narrow()
        except BudgetSpent as spent:
            self.stopped = str(spent)
        self._repeat_first()

    def _widen(self, low: float, high: float) -> None:
        """Go up until a rate does not pass, or down until one does."""
        step = high / low
        while self.failed is None and (self.passed is None or self.passed.rate < self.ceiling):
            self._try(min(high, self.ceiling))
            high *= step
            step = min(step * step, _FASTEST_STEP)
        step = 1 / _BELOW
        while self.passed is None and self.failed is not None and self.failed.rate > self.floor:
            self._try(max(self.failed.rate / step, self.floor))
            step = min(step * step, _FASTEST_STEP)

    def _narrow(self) -> None:
        while self.passed and self.failed and self.failed.rate > _CLOSE * self.passed.rate:
            self._try(math.sqrt(self.passed.rate * self.failed.rate))

    def _try(self, rate: float) -> None:
        trial = self._looked_at(rate)
        if self._first is None:
            self._first = trial
            self.journal.budget.reserve = (float(trial.requests), trial.requests / rate)
        if trial.passed:
            self.passed = trial
        else:
            self.failed = trial

    def _looked_at(self, rate: float) -> Trial:
        sizes = self.journal.budget.looks(self.fewest, rate)
        confidence = look_confidence(len(sizes))
        for size in sizes:
            trial = self._valid_trial(rate, size, confidence)
            if trial.outcome is not Outcome.UNDECIDED:
                break
        return trial

    def _valid_trial(self, rate: float, size: int, confidence: float) -> Trial:
        """Return a trial; where a neighbour disturbed it, another, once."""
        trial = self.journal.trial(rate, size, confidence)
        if trial.outcome is Outcome.INVALID and self.journal.budget.affords(size, rate):
            trial = self.journal.trial(rate, size, confidence)
        return trial

    def _repeat_first(self) -> None:
        """Send the first load once more: did the target stay as it was?"""
        first, budget = self._first, self.journal.budget
        budget.reserve = (0.0, 0.0)
        if first is None or not first.requests or len(self.journal.trials) == 1:
            return
        if not budget.affords(first.requests, first.rate) or first.outcome is Outcome.INVALID:
            return
        again = self.journal.trial(first.rate, first.requests, look_confidence(1), first.seed)
        self.drift = _drift(first, again)


def look_confidence(looks: int) -> float:
    """Return the confidence of the two-sided interval at each of several looks."""
    return 1 - 2 * (1 - CONFIDENCE) / looks


def _drift(first: Trial, last: Trial) -> str:
    """Return how a load repeated differs, in words; empty where it may be chance."""
    if last.outcome is Outcome.INVALID:
        return ""
    for before, after in zip(first.readings, last.readings, strict=True):
        faster = _below(after.high, before.low)
        if faster or _below(before.high, after.low):
            term = before.term
            return (
                f"{term.name} at the first rate went from {term.text(before.value)} to "
                f"{term.text(after.value)} by the end of the search"
            )
    return ""


def _below(high: float | None, low: float | None) -> bool:
    return high is not None and low is not None and high < low
