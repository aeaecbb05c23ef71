"""The clocks of the machine against each other: who set the time, and whether the machine slept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["read"]

_TRIES = 3


def read(
    wall_s: Callable[[], float] = time.time,
    steady_s: Callable[[], float] = time.monotonic,
    boot_s: Callable[[], float] | None = None,
) -> Mapping[str, float]:
    """Return how far two clocks are ahead of the monotonic one, in s.

    `clock_offset_s`: the wall clock; it jumps where somebody sets the time. `suspended_s`: the
    clock that goes on while the machine sleeps, where the system has one.

    Args:
        wall_s: The wall clock.
        steady_s: The monotonic clock.
        boot_s: The clock that goes on in sleep; by default the system's.
    """
    values = {"clock_offset_s": _ahead_s(wall_s, steady_s)}
    boot_s = boot_s or _boot_clock()
    if boot_s is not None:
        values["suspended_s"] = _ahead_s(boot_s, steady_s)
    return values


def _boot_clock() -> Callable[[], float] | None:
    number = getattr(time, "CLOCK_BOOTTIME", None)
    return None if number is None else lambda: time.clock_gettime(number)


def _ahead_s(clock_s: Callable[[], float], steady_s: Callable[[], float]) -> float:
    """Return the difference read within the shortest while, since a reader can be kept waiting."""
    readings = []
    for _ in range(_TRIES):
        before, now, after = steady_s(), clock_s(), steady_s()
        readings.append((after - before, now - (before + after) / 2))
    return min(readings)[1]
