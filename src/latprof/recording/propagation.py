"""Requests follow work into threads while a recording is on.

asyncio tasks take their context with them; threads and thread pools of Python up to 3.13 do not. So
`ThreadPoolExecutor.submit` and `Thread.start` are wrapped for the time of a recording. What is
carried over is latprof's own lane and nothing else: other context variables stay as they would be.
Work handed to other processes is not followed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from latprof.recording import core

if TYPE_CHECKING:
    from latprof.recording.core import Lane

__all__ = ["Propagation"]

_ABSENT = object()


class Propagation:
    """The two wraps: `install` at the start of a recording, `remove` at its end."""

    def __init__(self) -> None:
        self._replaced: list[tuple[type, str, object, object]] = []

    def install(self) -> None:
        """Wrap both."""
        self._replace(ThreadPoolExecutor, "submit", _following_submit(ThreadPoolExecutor.submit))
        self._replace(threading.Thread, "start", _following_start(threading.Thread.start))

    def remove(self) -> None:
        """Put back what was found; what somebody else has wrapped since stays, and is harmless."""
        while self._replaced:
            owner, name, original, ours = self._replaced.pop()
            if vars(owner)[name] is ours:
                setattr(owner, name, original)

    def _replace(self, owner: type, name: str, ours: object) -> None:
        self._replaced.append((owner, name, vars(owner)[name], ours))
        setattr(owner, name, ours)


class _Handing(threading.local):
    """Whether this thread is handing work to a pool."""

    over = False


_handing = _Handing()


def _run_in(lane: Lane, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    lane.enter()
    try:
        return function(*args, **kwargs)
    finally:
        lane.leave()


def _following_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(submit)
    def following(
        executor: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        lane = core.branch()
        if lane is None:
            return submit(executor, function, *args, **kwargs)
        _handing.over = True
        try:
            return submit(executor, _run_in, lane, function, *args, **kwargs)
        finally:
            _handing.over = False

    return following


def _following_start(start: Callable[[threading.Thread], None]) -> Callable[..., None]:
    @functools.wraps(start)
    def following(thread: threading.Thread) -> None:
        # A pool's own thread serves many requests: it belongs to none.
        lane = None if _handing.over else core.branch()
        if lane is None:
            start(thread)
        else:
            _start_in(lane, thread, start)

    return following


def _start_in(
    lane: Lane, thread: threading.Thread, start: Callable[[threading.Thread], None]
) -> None:
    attributes = vars(thread)
    own = attributes.get("run", _ABSENT)
    run = thread.run

    def restore() -> None:
        if own is _ABSENT:
            attributes.pop("run", None)
        else:
            attributes["run"] = own

    def follow() -> None:
        restore()
        _run_in(lane, run)

    attributes["run"] = follow
    try:
        start(thread)
    except BaseException:
        restore()
        raise
