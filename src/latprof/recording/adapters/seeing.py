"""Hooks that look at the arguments and the result of a call, beside timing it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from latprof.recording import session
from latprof.recording.adapters.facts import Facts, note
from latprof.recording.core import stage
from latprof.recording.deviceclock import DeviceClock
from latprof.recording.hooks import Around

__all__ = ["Call", "Place", "See", "Seen"]


class Call(NamedTuple):
    """A call that has ended well.

    Attributes:
        given: Its arguments, and its keywords.
        result: What it returned.
    """

    given: tuple[tuple[Any, ...], Mapping[str, Any]]
    result: Any


See = Callable[[Facts, Call], None]
"""Notes facts of a call. It keeps nothing of the call itself, which may hold large arrays."""


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
    """A stage around a function that is looked at after each call that succeeds.

    Looking comes after the stage has ended, so it is in no stage of its own; and only while a
    recording is on.

    Args:
        name: The stage; None to look only.
        see: What looks.
        clock: Of the device that the function hands work to; None where there is none.
    """

    def __init__(self, name: str | None, see: See, clock: DeviceClock | None = None) -> None:
        self.name = name
        self._see = see
        self._clock = clock

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return `function` with the stage around it."""
        see = self._see
        inner = function if self._clock is None else _issued(self._clock, function)
        timed: AbstractContextManager[object] = (
            contextlib.nullcontext() if self.name is None else stage(self.name)
        )

        @functools.wraps(function)
        def seen(*args: Any, **kwargs: Any) -> Any:
            with timed:
                result = inner(*args, **kwargs)
            if session.current is not None:
                note(lambda facts: see(facts, Call((args, kwargs), result)))
            return result

        return seen


def _issued(clock: DeviceClock, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with what it hands to the device timed there, for the open stage."""

    @functools.wraps(function)
    def issued(*args: Any, **kwargs: Any) -> Any:
        with clock.stage():
            return function(*args, **kwargs)

    return issued
