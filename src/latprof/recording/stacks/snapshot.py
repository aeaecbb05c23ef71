"""A snapshot: what every Python thread of a process does at one instant, as py-spy tells it.

py-spy stops the threads, reads their frames and lets them go. When it stopped each one is in its
log, which it writes on request (`RUST_LOG`), by the wall clock and to the nanosecond: so a snapshot
is known to some tens of microseconds, although py-spy itself takes ten milliseconds to start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["DEEPEST", "LOG", "ThreadStack", "frame_text", "read"]

LOG = {"RUST_LOG": "remoteprocess=debug"}
"""What makes py-spy log when it stops each thread (Linux; elsewhere it logs nothing of that)."""

DEEPEST = 200
"""Frames that are kept of a stack, the innermost ones: a recursion would fill the disk."""

_LONGEST = 300
_STOPPED = re.compile(r"^\[(\S{19})\.(\d{9})Z DEBUG \S+\] attached to thread (\d+)$", re.MULTILINE)


class ThreadStack(NamedTuple):
    """One thread at one instant.

    Attributes:
        time_ns: When it was stopped, on latprof's clock.
        thread_id: Its number in the system.
        thread: Its name; "" where Python knows none.
        on_cpu: It ran, or was ready to run; else it waited for something.
        gil: It held the interpreter's lock.
        frames: `name (file:line)`, the outermost first.
    """

    time_ns: int
    thread_id: int
    thread: str
    on_cpu: bool
    gil: bool
    frames: tuple[str, ...]


def read(dumped: bytes, log: bytes, behind_ns: int, otherwise_ns: int) -> list[ThreadStack]:
    """Return the threads that `py-spy dump --json` tells of.

    Args:
        dumped: Its standard output.
        log: Its standard error.
        behind_ns: How far latprof's clock is behind the wall clock.
        otherwise_ns: The instant of threads that the log does not name.

    Raises:
        ValueError: Not what py-spy writes.
    """
    stopped = _stopped_ns(log.decode("utf-8", "replace"))
    try:
        return [
            _thread(each, stopped.get(each["os_thread_id"]), behind_ns, otherwise_ns)
            for each in json.loads(dumped)
            if each["frames"] and each["os_thread_id"] is not None
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"py-spy wrote a dump of another form: {error!r}") from error


def _stopped_ns(log: str) -> dict[int, int]:
    """Return when each thread was last stopped, by the wall clock."""
    return {
        int(thread): round(datetime.fromisoformat(f"{second}+00:00").timestamp()) * 1_000_000_000
        + int(ns)
        for second, ns, thread in _STOPPED.findall(log)
    }


def _thread(
    told: dict[str, Any], stopped_ns: int | None, behind_ns: int, otherwise_ns: int
) -> ThreadStack:
    return ThreadStack(
        otherwise_ns if stopped_ns is None else stopped_ns - behind_ns,
        int(told["os_thread_id"]),
        str(told["thread_name"] or ""),
        bool(told["active"]),
        bool(told["owns_gil"]),
        _frames(told["frames"]),
    )


def _frames(told: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    innermost = [
        frame_text(each["name"], each["filename"], each["line"]) for each in told[:DEEPEST]
    ]
    return tuple(reversed(innermost))


def frame_text(name: str, file: str, line: int) -> str:
    """Return a frame as it is kept: without the mark that parts frames in a stack.

    >>> frame_text("tokenize", "/srv/service.py", 41)
    'tokenize (/srv/service.py:41)'
    """
    place = f"{file}:{line}" if line else file
    return f"{name[:_LONGEST]} ({place[-_LONGEST:]})".replace(";", ",")
