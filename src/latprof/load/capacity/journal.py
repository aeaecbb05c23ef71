"""The journal of a search: every trial that was made, in order, and a line about each."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from latprof.load.capacity.trial import Outcome, Trial
from latprof.units import counted_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    from latprof.load.capacity.budget import Budget

__all__ = ["Interrupted", "Journal", "Measure"]


class Measure(Protocol):
    """Whoever sends a load and judges it."""

    def __call__(self, rate: float, requests: int, seed: int, confidence: float) -> Trial:
        """Return the trial."""


class Interrupted(Exception):  # noqa: N818 - the user's wish, not an error
    """Ctrl-C ended a trial before its time."""


@dataclass(slots=True)
class Journal:
    """Makes trials and keeps them.

    Attributes:
        measure: What makes one.
        budget: Each trial is taken off it.
        seed: Of the search; each trial draws from one of its own.
        hidden: Whether to say nothing while it goes on.
        trials: All so far.
    """

    measure: Measure
    budget: Budget
    seed: int
    hidden: bool = True
    trials: list[Trial] = field(default_factory=list)

    def fresh_seed(self) -> int:
        """Return the seed of the next trial: no two of a search meet the same arrivals."""
        return self.seed * 100_003 + len(self.trials) + 1

    def trial(
        self, rate: float, requests: int, confidence: float, seed: int | None = None
    ) -> Trial:
        """Make a trial.

        Raises:
            Interrupted: Ctrl-C ended it; it is kept all the same.
        """
        expected = duration_text(requests / rate * 1e9, 2)
        self._say(
            f"{rate_text(rate):>10}  {counted_text(requests, 'request')}, {expected} …", end=""
        )
        seed = self.fresh_seed() if seed is None else seed
        made = self.measure(rate, requests, seed, confidence)
        self.trials.append(made)
        self.budget.spend(made.requests, made.seconds)
        self._say(f" {brief(made)}")
        if made.interrupted:
            raise Interrupted
        return made

    def note(self, text: str) -> None:
        """Say what is done next."""
        self._say(text)

    def _say(self, text: str, end: str = "\n") -> None:
        if not self.hidden:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                sys.stderr.write(text + end)
                sys.stderr.flush()


def brief(trial: Trial) -> str:
    """Return the outcome of a trial and what decided it, in a few words.

    The term that did not pass is named, or the first where all did.
    """
    outcomes = [reading.outcome for reading in trial.readings]
    if trial.outcome not in (Outcome.PASS, *outcomes):
        return f"{trial.outcome}: {trial.reason}"  # no term says why
    found = next((each for each in trial.readings if each.outcome is not Outcome.PASS), None)
    shown = found or trial.readings[0]
    measured = f"{shown.term.name} {shown.term.text(shown.value)}"
    if shown.value is None:
        measured = f"{share_text(shown.share)} beyond {shown.term.name}"
    return f"{trial.outcome}: {measured}"
