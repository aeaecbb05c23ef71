"""What is read at the edges of a span: the twin of `native/probes.h`, without its shortcuts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["UNKNOWN", "Thread", "passed"]

UNKNOWN: Final = -1  # stands for null in every column


class _Schedstat:
    """This thread's scheduling statistics, kept open; closed when the thread's locals go."""

    __slots__ = ("descriptor",)

    def __init__(self) -> None:
        try:
            self.descriptor = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self.descriptor = UNKNOWN

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self.descriptor >= 0:
            close(self.descriptor)

    def runqueue_ns(self) -> int:
        fields = os.pread(self.descriptor, 64, 0).split() if self.descriptor >= 0 else ()
        return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else UNKNOWN


class Thread(threading.local):
    """What a thread knows of itself."""

    def __init__(self) -> None:
        self.thread_id = threading.get_native_id()
        self.visit = 0
        self.innermost: object = None
        self.runqueue_ns = _Schedstat().runqueue_ns


def passed(before_ns: int, after_ns: int, most_ns: int) -> int:
    if before_ns < 0 or after_ns < 0:
        return UNKNOWN
    return min(max(after_ns - before_ns, 0), most_ns)
