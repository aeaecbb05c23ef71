"""Queries: requests that are issued together, the next ones when all of them are through."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latprof.clock import Clock

__all__ = ["Queries"]

_DOZE_S = 0.25
"""The longest wait in which a worker does not look whether the load goes on."""


class Queries:
    """Tells workers when the query of a request was issued, and hears from them what is through.

    Args:
        samples: How many requests a query has; request `i` belongs to query `i // samples`.
        clock: Whose instants count.
    """

    def __init__(self, samples: int, clock: Clock) -> None:
        self.samples = samples
        self._clock = clock
        self._changed = threading.Condition()
        self._number = 0
        self._left = samples
        self._issued_ns = 0
        self._stop_ns = sys.maxsize

    def begin(self, origin_ns: int, stop_ns: int) -> None:
        """Issue the first query at `origin_ns` and none from `stop_ns` on."""
        self._issued_ns, self._stop_ns = origin_ns, stop_ns

    def issued_ns(self, index: int) -> int | None:
        """Return when the query of request `index` was issued; None where it is not yet.

        Waits for a while; ask again.
        """
        with self._changed:
            if self._number < index // self.samples:
                self._changed.wait(_DOZE_S)
            return self._issued_ns if self._number == index // self.samples else None

    def settle(self) -> bool:
        """Hear that a request of this query is through; return whether the load goes on.

        With the last one the next query is issued, unless its time is over.
        """
        with self._changed:
            self._left -= 1
            if self._left:
                return True
            self._issued_ns = self._clock.now_ns()
            goes_on = self._issued_ns < self._stop_ns
            if goes_on:
                self._number += 1
                self._left = self.samples
            self._changed.notify_all()
            return goes_on
