"""Collections of garbage, as Python's collector announces them."""

from __future__ import annotations

import contextlib
import gc
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LEAST_EVENT_NS", "Garbage"]

LEAST_EVENT_NS = 100_000
"""Shorter pauses are in the totals alone: thousands a second would be rows that say nothing."""
_MOST_WAITING = 10_000
_OLDEST = 2  # generation: its collection looks at every object


class Garbage:
    """Times collections from `start` to `stop`; every thread of the process waits meanwhile.

    Totals: `gc_pause_s`, `gc_collections`, `gc_full_collections` (of the oldest generation) and
    `gc_collected` (objects).

    Args:
        now_ns: The clock of the recording.
    """

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        self._began_ns: int | None = None
        self._pause_ns = 0
        self._collections = 0
        self._full = 0
        self._collected = 0
        self._long: deque[tuple[int, int]] = deque(maxlen=_MOST_WAITING)

    def start(self) -> None:
        """Listen."""
        gc.callbacks.append(self._heard)

    def stop(self) -> None:
        """Listen no longer; other listeners stay as they are. Again does nothing."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._heard)

    def read(self) -> Mapping[str, float]:
        """Return the totals so far by name."""
        return {
            "gc_pause_s": self._pause_ns / 1e9,
            "gc_collections": self._collections,
            "gc_full_collections": self._full,
            "gc_collected": self._collected,
        }

    def pauses(self) -> list[tuple[int, int]]:
        """Take the long pauses since the last call: the instant of the end and the length, in ns.

        Those of 0.1 ms or more; a collection may end while they are taken.
        """
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._long.popleft())
        return taken

    def _heard(self, phase: str, info: dict[str, Any]) -> None:
        # Inside a collection, so no other can begin: the interpreter holds one at a time.
        now_ns = self._now_ns()
        if phase == "start":
            self._began_ns = now_ns
            return
        if self._began_ns is None:  # it began before this listened
            return
        pause_ns = now_ns - self._began_ns
        self._began_ns = None
        self._pause_ns += pause_ns
        self._collections += 1
        self._full += info["generation"] == _OLDEST
        self._collected += info["collected"]
        if pause_ns >= LEAST_EVENT_NS:
            self._long.append((now_ns, pause_ns))
