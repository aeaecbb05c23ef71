"""In-process targets: a callable of one input, or an object whose `predict` is one."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError
from latprof.recording.instrument import instrument, is_instrumented, knows

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Around", "Target", "innermost", "resolve"]


class Around(ABC):
    """A target that hands requests on to another, whose stages are its own.

    Attributes:
        target: The other.
    """

    target: Any

    @property
    @abstractmethod
    def name(self) -> str:
        """What reports call it."""


def innermost(target: object) -> Any:
    """Return what does the work: `target` itself, or what is behind all that is around it."""
    while isinstance(target, Around):
        target = target.target
    return target


@dataclass(frozen=True)
class Target:
    """What requests are sent to.

    Args:
        given: The user's own object.
        name: What reports call it: `module.qualname` of a function, or of an object's class.
        is_async: Whether a call returns a coroutine or an async generator, which then runs on an
            event loop.
    """

    given: Any
    name: str
    is_async: bool

    @property
    def call(self) -> Callable[[Any], Any]:
        """What takes one input: as it is now, so with whatever hooks were placed."""
        function: Callable[[Any], Any] = _callable_of(self.given)
        return function

    def instrumented(self) -> AbstractContextManager[object]:
        """Return a context in which stages are timed: those that the object names, or is known by.

        Where one of them is hooked already, the user has instrumented the object: it is left as it
        is.

        Raises:
            InstrumentError: A stage names no method, or the object cannot be hooked.
        """
        given = innermost(self.given)
        if not knows(given) or is_instrumented(given):
            return nullcontext()
        return instrument(given)


def resolve(target: object) -> Target:
    """Return `target` as what requests are sent to.

    An object that is callable is called, even where it also has a `predict`. Stages are taken
    from its attribute `stages`: a list or tuple of method names, or a mapping from stage to
    method name or names; any other `stages` (the layers of a network, say) is its own affair.

    Args:
        target: A callable of one input (function, coroutine function, bound method, object with
            `__call__`), or an object with a method `predict` of one input. Where it is, or returns,
            a generator or an async generator, its items are taken inside the request.

    Raises:
        UsageError: It is neither.

    >>> resolve(len).name
    'builtins.len'
    """
    call = _callable_of(target)
    if not callable(call):
        raise UsageError(
            "a target is a callable of one input, or an object with a method predict: "
            f"{type(target).__name__} is neither"
        )
    return Target(target, _name(target), _is_async(call))


def _callable_of(target: object) -> Any:
    return target if callable(target) else getattr(target, "predict", None)


def _name(target: object) -> str:
    if isinstance(target, Around):
        return target.name
    named: Any = target.func if isinstance(target, functools.partial) else target
    if not hasattr(named, "__qualname__"):
        named = type(named)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "__main__") else f"{module}.{named.__qualname__}"


def _is_async(call: Callable[[Any], Any]) -> bool:
    """Return whether calling gives what only an event loop can carry out.

    That is a coroutine or an async generator, of an async function or of an async `__call__`.
    """
    while isinstance(call, functools.partial):
        call = call.func
    own = getattr(type(call), "__call__", None)  # noqa: B004 - the method itself is looked at
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return any(is_kind(each) for is_kind in kinds for each in (call, own))
