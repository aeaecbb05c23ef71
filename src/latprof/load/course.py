"""Courses: a rate that changes while the load runs, and the arrivals that follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Course"]


class Course:
    """A rate over time: straight pieces one after the other, jumps between them.

    Beyond the last piece the rate stays what it was at its end.

    Args:
        pieces: Of each its seconds, its rate at the begin and its rate at the end, in requests a
            second. All above 0.

    >>> Course([(10.0, 1.0, 3.0)]).expected(10.0)
    20.0
    """

    def __init__(self, pieces: Sequence[tuple[float, float, float]]) -> None:
        seconds, begins, ends = np.array(pieces, np.float64).T
        self._begins = np.append(begins, ends[-1])
        self._slopes = np.append((ends - begins) / seconds, 0.0)
        self._edges_s = np.concatenate(([0.0], np.cumsum(seconds)))
        areas = seconds * (begins + ends) / 2
        self._counts = np.concatenate(([0.0], np.cumsum(areas)))

    def expected(self, seconds: float) -> float:
        """Return how many arrivals are expected in the first `seconds`."""
        piece = max(0, int(np.searchsorted(self._edges_s, seconds, "right")) - 1)
        inside = seconds - self._edges_s[piece]
        rate = self._begins[piece] + self._slopes[piece] * inside / 2
        return float(self._counts[piece] + rate * inside)

    def instants(self, arrivals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return at which second so many arrivals are expected: the inverse of `expected`.

        It turns the arrivals of a process of rate 1 into those of this course (inversion of the
        cumulated rate: Cinlar, Introduction to Stochastic Processes, 1975, ch. 4.7).

        Args:
            arrivals: In order, from 0, shape `(n,)`.
        """
        piece = np.searchsorted(self._counts, arrivals, "right") - 1
        inside = arrivals - self._counts[piece]
        begin, slope = self._begins[piece], self._slopes[piece]
        # The root of begin t + slope t^2 / 2 = inside, in the form that also holds for slope 0.
        # Rounding can take the discriminant below 0 at the very end of a falling piece.
        root = np.sqrt(np.maximum(begin * begin + 2 * slope * inside, 0.0))
        seconds: NDArray[np.float64] = self._edges_s[piece] + 2 * inside / (begin + root)
        return seconds
