"""The alarm: waits for an instant to within a microsecond, and is never early."""

from __future__ import annotations

import ctypes
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Alarm", "sleep_until"]

_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1
_FIRST_LATENESS_NS = 15_000
_MOST_NS = 100_000
"""The longest spin. One that lasts costs more than it brings: see `latprof.clock.SystemClock`."""
_STEP_NS = 200


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _absolute_sleep() -> Callable[[int], None]:
    """Return clock_nanosleep(2) to an absolute instant: being preempted before it costs nothing.

    Called with the GIL held, which is the only thread's anyway.
    """
    call = ctypes.PyDLL(None).clock_nanosleep
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    instant = _Timespec()
    address = ctypes.addressof(instant)

    def sleep(instant_ns: int) -> None:
        instant.seconds, instant.nanoseconds = divmod(instant_ns, 1_000_000_000)
        call(_CLOCK_MONOTONIC, _TIMER_ABSTIME, address, None)

    return sleep


def _relative_sleep(instant_ns: int) -> None:
    left_ns = instant_ns - time.perf_counter_ns()
    if left_ns > 0:
        time.sleep(left_ns / 1e9)


sleep_until: Callable[[int], None] = (
    _absolute_sleep() if sys.platform == "linux" else _relative_sleep
)
"""Sleep to an instant of `time.perf_counter_ns`; a signal may end it early."""


class Alarm:
    """Asks to be woken earlier by what it is usually woken late, and spins over the rest.

    How late half of the wake-ups come is followed by a step up for each later one and a step down
    for each earlier one, which settles at their median (Ma, Muthukrishnan and Sandler, "Frugal
    Streaming for Estimating Quantiles", 2013). So half the waits spin, for some ten microseconds,
    and no spin is longer than that median, at most 100 microseconds.

    Args:
        now_ns: The clock.
        sleep_until_ns: Sleeps to an instant of it.
    """

    def __init__(
        self,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        sleep_until_ns: Callable[[int], None] = sleep_until,
    ) -> None:
        self._now_ns, self._sleep = now_ns, sleep_until_ns
        self._usual_ns = _FIRST_LATENESS_NS

    def wait(self, due_ns: int) -> int:
        """Return at `due_ns` or later, with the instant at which that was."""
        now = self._now_ns
        asked_ns = due_ns - self._usual_ns
        at_ns = now()
        if at_ns < asked_ns:
            self._sleep(asked_ns)
            at_ns = now()
            self._learn(at_ns - asked_ns)
        while at_ns < due_ns:
            if due_ns - at_ns > _MOST_NS:
                self._sleep(due_ns - self._usual_ns)  # a signal had ended the sleep
            at_ns = now()
        return at_ns

    def _learn(self, late_ns: int) -> None:
        step_ns = _STEP_NS if late_ns > self._usual_ns else -_STEP_NS
        self._usual_ns = min(max(self._usual_ns + step_ns, 0), _MOST_NS)
