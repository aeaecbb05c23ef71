"""The scheduling class of the pacer: the best that the system grants."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["raise_priority"]

_NICE = -10


def raise_priority(*, realtime: bool) -> str:
    """Put this process before others, as far as it may, and return what it got.

    Beside processes that keep all cores busy, a wake-up under SCHED_FIFO comes tens of
    microseconds late at worst where under the usual class it is milliseconds. It needs root,
    CAP_SYS_NICE or an RLIMIT_RTPRIO (sched(7)).

    Args:
        realtime: Whether to ask at all.

    Returns:
        `SCHED_FIFO`, `nice -10` or `SCHED_OTHER`.
    """
    if realtime and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            return "SCHED_FIFO"
        with contextlib.suppress(OSError):
            os.nice(_NICE)
            return f"nice {_NICE}"
    return "SCHED_OTHER"
