"""The course of a load: each request is sent when it is due, late ones at once, none is skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.load.pacer.alarm import Alarm

__all__ = ["run_course"]

_BATCH = 64
"""So many late requests are sent at once at most."""
_LONG_NS = 20_000_000
"""A gap in which there is time to look whether the load goes on."""
_LOOK_NS = 100_000_000


def run_course(
    offsets: memoryview,
    sent: memoryview,
    origin_ns: int,
    alarm: Alarm,
    give: Callable[[int], None],
    is_stopped: Callable[[int], bool],
) -> int:
    """Send requests until all are sent or the load was ended; return how many were.

    Args:
        offsets: Due instants in ns after the origin, in their order.
        sent: Takes the instant at which each request was sent.
        origin_ns: When the plan starts.
        alarm: Waits.
        give: Tells the target that so many more were sent.
        is_stopped: Whether the load was ended; waits for that as many ns as it is given.
    """
    index, count, look_ns = 0, len(offsets), origin_ns + _LOOK_NS
    while index < count:
        due_ns = origin_ns + offsets[index]
        now_ns = alarm.wait(min(due_ns, look_ns))
        if now_ns >= look_ns:
            if is_stopped(max(0, due_ns - now_ns - _LONG_NS)):
                return index
            look_ns = alarm.wait(0) + _LOOK_NS
            continue
        first, end = index, min(count, index + _BATCH)
        while index < end and origin_ns + offsets[index] <= now_ns:
            sent[index] = now_ns
            index += 1
        give(index - first)
    return index
