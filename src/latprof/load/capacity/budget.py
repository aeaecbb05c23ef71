"""The budget of a search: what it may send, and how it is shared out among rates."""

from __future__ import annotations

from dataclasses import dataclass

from latprof.units import counted_text, rate_text

__all__ = ["Budget", "BudgetSpent", "too_small"]

_LOOKS = 3
_LONGER = 4  # each look takes that many times the requests of the one before
_SHARE = 0.5  # of what is left, at most so much for one rate: others have to come after it


class BudgetSpent(Exception):  # noqa: N818 - an end that was planned, not an error
    """There is not enough left for another trial."""


@dataclass(slots=True)
class Budget:
    """What is left.

    Attributes:
        requests: To be sent at most.
        seconds: Of load at most.
        reserve: Requests and seconds kept for the last trial.
    """

    requests: float
    seconds: float
    reserve: tuple[float, float] = (0.0, 0.0)

    def spend(self, requests: int, seconds: float) -> None:
        """Take off what a trial has used."""
        self.requests -= requests
        self.seconds -= seconds

    def affords(self, requests: int, rate: float) -> bool:
        """Return whether so many requests at a rate are left, the reserve untouched."""
        return requests <= self._left(rate)

    def looks(self, fewest: int, rate: float) -> tuple[int, ...]:
        """Return how many requests each look at a rate may take, fixed before the first.

        Raises:
            BudgetSpent: Not even the shortest is left.
        """
        left = self._left(rate)
        if fewest > left:
            raise BudgetSpent(too_small(fewest, rate))
        sizes, used = [fewest], float(fewest)
        while len(sizes) < _LOOKS and used + _LONGER * sizes[-1] <= _SHARE * left:
            sizes.append(_LONGER * sizes[-1])
            used += sizes[-1]
        return tuple(sizes)

    def _left(self, rate: float) -> float:
        requests, seconds = self.reserve
        return min(self.requests - requests, (self.seconds - seconds) * rate)


def too_small(requests: int, rate: float) -> str:
    """Return why a search ends that could not pay for its next load."""
    load = f"{counted_text(requests, 'request')} at {rate_text(rate)}"
    return f"what is left of the budget does not pay for {load}"
