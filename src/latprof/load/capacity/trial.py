"""A trial: the load at one rate, and what it says about the promise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from latprof.load.capacity.slo import Term
from latprof.units import share_text

__all__ = ["Finding", "Outcome", "Reading", "Trial"]


class Outcome(StrEnum):
    """What a trial, or one term of it, came to. Only `pass` passes."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNDECIDED = "undecided"
    INVALID = "invalid"


class Finding(StrEnum):
    """What a search came to."""

    FOUND = "found"
    """A rate passed, and a higher one did not."""
    AT_LEAST = "at least"
    """A rate passed; none above it failed by the target's own fault."""
    NONE = "none"
    """No rate meets the SLO."""
    OPEN = "open"
    """The search ended before any rate had passed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one term of the SLO was measured to be.

    Attributes:
        term: The condition.
        value: The quantile in ns (a failed request counts as endless), or the share of errors;
            None where the sample cannot carry it.
        low: Lower end of the interval that decides; None without a bound.
        high: Upper end.
        n_effective: Independent requests that those measured are worth.
        outcome: `pass` where the whole interval keeps the limit, `fail` where it breaks it whole.
        share: Of the requests, how many were beyond the limit.
    """

    term: Term
    value: float | None
    low: float | None
    high: float | None
    n_effective: float
    outcome: Outcome
    share: float

    @property
    def told(self) -> str:
        """The value in words, or how many were beyond the limit where the sample carries none."""
        if self.value is None:
            limit = self.term.text(self.term.limit)
            return f"{share_text(self.share)} of requests are beyond {limit}"
        return f"{self.term.name} is {self.term.text(self.value)}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One load at one rate.

    Attributes:
        rate: Requests a second, as planned.
        requests: How many were sent.
        seed: Of the arrivals.
        outcome: `pass` where every term passed and the load was valid.
        readings: One for each term, in the order of the SLO.
        reason: Why it is no pass, in words; empty for a pass.
        seconds: How long the load was.
        interrupted: Ctrl-C cut it short.
    """

    rate: float
    requests: int
    seed: int
    outcome: Outcome
    readings: tuple[Reading, ...]
    reason: str
    seconds: float
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        """Whether the SLO is known to hold at this rate."""
        return self.outcome is Outcome.PASS
