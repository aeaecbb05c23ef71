"""Functions that hand work over and answer later, by calling back on a thread of their own."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Mapping
from typing import Any

from latprof.recording import core
from latprof.recording.adapters.seeing import Look, look_at

__all__ = ["Answered"]


class Answered:
    """A stage from the call of a function until it calls back, on whatever thread.

    What is called back runs in the request in which the function was called, after the stage.
    Wait for the answer inside the request, or the stage outlasts it.

    Args:
        name: The stage.
        look: What looks at the arguments and the answer.
        place: Which argument is called back: its position, and its name. It gets the answer, then
            anything, then an error, which is empty where all went well.
    """

    def __init__(self, name: str, look: Look, place: tuple[int, str]) -> None:
        self.name = name
        self._look = look
        self._position, self._keyword = place

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return `function` with the stage around it and its answer."""

        @functools.wraps(function)
        def handing(*args: Any, **kwargs: Any) -> Any:
            callback = self._callback(args, kwargs)
            if not core.is_active() or callback is None:
                return function(*args, **kwargs)
            answer = _Answer(core.stage(self.name), self._look, args, kwargs)
            given = self._with(answer.before(callback), args, kwargs)
            try:
                return function(*given[0], **given[1])
            except BaseException as error:
                answer.end(error)
                raise

        return handing

    def _callback(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if len(args) > self._position:
            return args[self._position]
        return kwargs.get(self._keyword)

    def _with(
        self, callback: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        at = self._position
        if len(args) > at:
            return (*args[:at], callback, *args[at + 1 :]), kwargs
        return args, {**kwargs, self._keyword: callback}


class _Answer:
    """One that is awaited: its stage is open in a context of its own, for any thread to close."""

    def __init__(
        self, stage: core.Stage, look: Look, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._stage, self._look, self._given = stage, look, (args, kwargs)
        self._lane = core.branch()
        self._context = contextvars.copy_context()
        self._context.run(stage.__enter__)

    def end(self, error: BaseException | None) -> None:
        """Close the stage."""
        raised = (None, None, None) if error is None else (type(error), error, None)
        self._context.run(self._stage.__exit__, *raised)

    def _in_request(self, callback: Callable[..., Any], *answer: Any) -> Any:
        if self._lane is None:
            return callback(*answer)
        self._lane.enter()
        try:
            return callback(*answer)
        finally:
            self._lane.leave()

    def before(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return `callback` with the end of the stage before it."""

        @functools.wraps(callback)
        def answered(result: Any, user_data: Any, error: str) -> Any:
            self.end(RuntimeError(error) if error else None)
            if not error:
                self._context.run(look_at, self._look, *self._given, result)
            return self._in_request(callback, result, user_data, error)

        return answered
