"""A thread that asks to be woken every 20 ms: how late it runs tells of cores and of the GIL.

It is late where no core is free, and where another thread keeps the GIL: up to the switch interval
for each one that wants it.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Heartbeat"]

_INTERVAL_S = 0.02
_INTERVAL_NS = 20_000_000
_MOST_WAITING = 3000  # a minute of beats, should nobody read


class Heartbeat:
    """Beats from `start` to `stop`. A beat costs some 50 us of CPU, so 0.25 % of a core.

    `heartbeat_late_p50_s` and `heartbeat_late_max_s`: of the beats since the last reading.
    """

    def __init__(self) -> None:
        self._late_ns: deque[int] = deque(maxlen=_MOST_WAITING)
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat."""
        thread = threading.Thread(target=self._beat, name="latprof-heartbeat", daemon=True)
        thread.start()
        self._thread = thread  # now: Ctrl-C may have come before it began, and `stop` joins it

    def stop(self) -> None:
        """End, and wait for the last beat. Again does nothing."""
        self._ended = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def threads(self) -> list[int]:
        """The system's number of the thread, while it lives."""
        number = None if self._thread is None else self._thread.native_id
        return [] if number is None else [number]

    def read(self) -> Mapping[str, float]:
        """Return how late the beats since the last reading were; nothing without any."""
        late_ns = [self._late_ns.popleft() for _ in range(len(self._late_ns))]
        if not late_ns:
            return {}
        return {
            "heartbeat_late_p50_s": statistics.median(late_ns) / 1e9,
            "heartbeat_late_max_s": max(late_ns) / 1e9,
        }

    def _beat(self) -> None:
        # A plain sleep: waiting for a lock that tells the end costs half as much again.
        before_ns = time.perf_counter_ns()
        while not self._ended:
            time.sleep(_INTERVAL_S)
            now_ns = time.perf_counter_ns()
            self._late_ns.append(now_ns - before_ns - _INTERVAL_NS)
            before_ns = now_ns
