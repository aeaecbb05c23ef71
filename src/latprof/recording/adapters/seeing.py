"""Hooks that look at the arguments and the result of a call, beside timing it."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from latprof.recording import core, session
from latprof.recording.adapters.sightings import Sighting
from latprof.recording.deviceclock import DeviceClock
from latprof.recording.hooks import Around

__all__ = ["Look", "Place", "Seen", "look_at", "sight"]


class _Sight(threading.local):
    """What this thread is in the midst of.

    Attributes:
        within: Whether it is inside a call that is looked at: calls inside that one are its parts.
        named: Whether that is the call of a model at which a stage was named.
        told: Whether such a call has ended inside the outermost one.
    """

    within = False
    named = False
    told = False


sight = _Sight()

Look = Callable[[tuple[Any, ...], Mapping[str, Any], Any], Sighting | None]
"""Looks at a call that has ended well: its arguments, its keywords, and what it returned.

It keeps nothing of the call itself, which may hold large arrays.
"""


class Place(NamedTuple):
    """Where a hook goes.

    Attributes:
        owner: The object that is hooked.
        path: Name of its method; `part.method` reaches into an attribute.
        around: What is put around it.
        also: Stages that it opens beside the one that it is named by.
    """

    owner: object
    path: str
    around: Around
    also: tuple[str, ...] = ()


class Seen:
    """A stage around a function whose calls are looked at, those that succeed.

    Looking comes after the stage has ended, so that no stage holds it; and only while a recording
    is on. It takes a microsecond or two, which are in the request and in no stage.

    Args:
        name: The stage; None to look only.
        look: What looks.
        clock: Of the device that the function hands work to; None where there is none.
        before: Look before the stage begins, at all calls, without what they return.
    """

    def __init__(
        self,
        name: str | None,
        look: Look,
        clock: DeviceClock | None = None,
        *,
        before: bool = False,
    ) -> None:
        self.name = name
        self.look = look
        self.before = before
        self._clock = clock

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return `function` with the stage around it."""
        look, before = self.look, self.before
        inner = function if self._clock is None else _issued(self._clock, function)
        timed: AbstractContextManager[object] = (
            contextlib.nullcontext() if self.name is None else core.stage(self.name)
        )

        @functools.wraps(function)
        def seen(*args: Any, **kwargs: Any) -> Any:
            if before and session.current is not None:
                look_at(look, args, kwargs, None)
            with timed:
                around, sight.within = sight.within, True
                try:
                    result = inner(*args, **kwargs)
                finally:
                    sight.within = around
            if not before and session.current is not None:
                look_at(look, args, kwargs, result)
            return result

        return seen


def look_at(look: Look, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> None:
    """Note what a look finds, if there is a request.

    It may fail in any way, since what it reads belongs to others: then nothing is noted.
    """
    recorder = session.current
    if recorder is None or (request_id := core.current_request_id()) < 0:
        return
    try:
        sighting = look(args, kwargs, result)
        if sighting is not None:
            recorder.see(request_id, sighting)
    except Exception:  # noqa: BLE001, S110 - the user's call must go on whatever we misread
        pass


def _issued(clock: DeviceClock, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with what it hands to the device timed there, for the open stage."""

    @functools.wraps(function)
    def issued(*args: Any, **kwargs: Any) -> Any:
        with clock.stage():
            return function(*args, **kwargs)

    return issued
