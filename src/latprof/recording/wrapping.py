"""A function inside a stage: plain, async, generator and async generator.

A generator's stage is open while the generator produces and closed while its consumer works: each
item is a span of its own. Whatever the consumer sends or throws, `close` included, is handed on, so
that the producer answers as it would by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.recording.core import Stage

__all__ = ["is_coroutine_function", "wrap"]

P = ParamSpec("P")
R = TypeVar("R")


def wrap(stage: Stage, function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` with `stage` open while it works.

    Args:
        stage: The stage.
        function: A function, or any other callable; what `inspect` calls it decides how it is
            wrapped. A staticmethod or classmethod stays one.

    Raises:
        UsageError: It is not callable, or it is a class.
    """
    if isinstance(function, staticmethod | classmethod):
        return cast("Callable[P, R]", type(function)(wrap(stage, function.__func__)))
    if not callable(function) or isinstance(function, type):
        raise UsageError(
            f"a stage wraps a function, not {function!r}: use `with latprof.stage({stage.name!r}):`"
        )
    if is_coroutine_function(function):
        return cast("Callable[P, R]", _wrap_coroutine(stage, function))
    if inspect.isasyncgenfunction(_called(function)):
        return cast("Callable[P, R]", _wrap_async_generator(stage, function))
    if inspect.isgeneratorfunction(_called(function)):
        return cast("Callable[P, R]", _wrap_generator(stage, function))
    return _wrap_plain(stage, function)


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives a coroutine: an async function, or an async `__call__`."""
    return any(map(inspect.iscoroutinefunction, (function, _called(function))))


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that runs when `function` is called."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return function
    return cast("Callable[..., Any]", inspect.getattr_static(type(function), "__call__"))


def _wrap_plain(stage: Stage, function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def staged(*args: P.args, **kwargs: P.kwargs) -> R:
        with stage:
            return function(*args, **kwargs)

    return staged


def _wrap_coroutine(stage: Stage, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def staged(*args: Any, **kwargs: Any) -> Any:
        with stage:
            return await function(*args, **kwargs)

    return staged


def _wrap_generator(stage: Stage, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def staged(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        producer = function(*args, **kwargs)
        resume, message = producer.send, None
        while True:
            try:
                with stage:
                    item = resume(message)
            except StopIteration as stop:
                return stop.value
            finally:
                message = None  # what was thrown holds this frame: together they would be a cycle
            try:
                message = yield item
                resume = producer.send
            except BaseException as thrown:  # noqa: BLE001 - handed on to the producer, whatever it is
                resume, message = producer.throw, thrown

    return staged


def _wrap_async_generator(stage: Stage, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def staged(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        producer = function(*args, **kwargs)
        resume, message = producer.asend, None
        while True:
            try:
                with stage:
                    item = await resume(message)
            except StopAsyncIteration:
                return
            finally:
                message = None  # see _wrap_generator
            try:
                message = yield item
                resume = producer.asend
            except BaseException as thrown:  # noqa: BLE001 - handed on to the producer, whatever it is
                resume, message = producer.athrow, thrown

    return staged
