"""What a search for the highest rate has found, and the doors to what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latprof.load.capacity.trial import Finding, Outcome, Trial
from latprof.run.answer import Answer
from latprof.units import counted_text, rate_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from latprof.load.capacity.slo import Term

__all__ = ["Capacity"]


@dataclass(frozen=True, repr=False)
class Capacity(Answer):
    """The highest rate at which a target keeps an SLO, with every load that was tried.

    Made by `latprof.find_capacity`.

    Attributes:
        slo: As it was given.
        terms: Its conditions.
        mode: "thorough" or "quick".
        target: Its name.
        workers: How many requests were served at once; None without a limit.
        seed: Of the arrivals.
        rate: Requests a second that passed, the highest; in quick mode the estimate. None where
            none did.
        first_failed: The lowest rate above it that did not pass; None where there is none.
        finding: `found`, `at least`, `none` or `open`.
        alone: The target with one request at a time.
        trials: In the order in which they were made.
        expected: Where replaying the target alone expected the answer; None where it was not asked.
        course: Rates, and what replaying the target alone expects there in ns, of the first term
            about the whole response; empty where there is no such term, or nobody waits.
        drift: How the first load, repeated at the end, differed; empty where it did not.
        stopped: Why the search ended early; empty where it did not.
        interrupted: Ctrl-C ended it.
    """

    _told_by = "capacity"

    slo: str
    terms: tuple[Term, ...]
    mode: str
    target: str
    workers: int | None
    seed: int
    rate: float | None
    first_failed: float | None
    finding: Finding
    alone: Trial
    trials: tuple[Trial, ...]
    expected: float | None
    course: tuple[tuple[float, float], ...] = ()
    drift: str = ""
    stopped: str = ""
    interrupted: bool = False

    @property
    def requests(self) -> int:
        """How many requests the search has sent."""
        return self.alone.requests + sum(trial.requests for trial in self.trials)

    @property
    def verdict(self) -> str:
        """The answer in words."""
        terms = ", ".join(map(str, self.terms))
        if self.finding is Finding.NONE:
            return f"no rate keeps {terms}: {self._why_none()}"
        if self.rate is None:
            return f"not known at which rate {terms} holds: {self._why_open()}"
        if self.mode == "quick":
            return f"{terms} holds up to about {rate_text(self.rate)} (a quick look, no guarantee)"
        if self.first_failed is None or self.finding is Finding.AT_LEAST:
            return f"{terms} holds at {rate_text(self.rate)} at least: {self._why_no_more()}"
        passed, failed = rate_text(self.rate), rate_text(self.first_failed)
        return f"{terms} holds up to {passed}; at {failed} {self._why_not()}"

    def _why_not(self) -> str:
        trial = next(t for t in reversed(self.trials) if t.rate == self.first_failed)
        if trial.outcome is Outcome.FAIL:
            return f"it does not: {trial.reason}"
        return "it is not known to hold"

    def _why_none(self) -> str:
        if not self.trials:
            return f"one request at a time, {self.alone.reason}"
        lowest = min(self.trials, key=lambda trial: trial.rate)
        return f"at {rate_text(lowest.rate)}, {lowest.reason or 'it is broken'}"

    def _why_open(self) -> str:
        if self.interrupted:
            return f"interrupted after {counted_text(len(self.trials), 'load')}"
        failed = next((each for each in reversed(self.trials) if each.reason), None)
        if self.stopped:
            return "the budget was spent first"
        return failed.reason if failed else "nothing was tried"

    def _why_no_more(self) -> str:
        if self.first_failed is not None:
            reason = next(t.reason for t in reversed(self.trials) if t.rate == self.first_failed)
            return f"at {rate_text(self.first_failed)} the load itself failed ({reason})"
        if self.interrupted:
            return "interrupted before a rate failed"
        return "the budget was spent first" if self.stopped else "no higher rate could be sent"

    def table(self) -> pd.DataFrame:
        """Return one row a trial, in the order in which they were made.

        Columns: `rate`, `requests`, `seconds`, `outcome`, `reason`, and for each term `NAME`,
        `NAME_lo`, `NAME_hi` (ns, or a share for errors; NaN where the sample cannot carry it).
        """
        from latprof.report.capacity import table

        return table(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """Draw latency against the offered rate; save it too where `path` is given."""
        from latprof.report.plots.capacity import capacity_plot

        return capacity_plot(self, path)

    def __repr__(self) -> str:
        return f"<Capacity of {self.target}: {self.verdict}>"
