"""Hooks on objects that exist already: stages around their methods, all as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self, cast

from latprof.errors import InstrumentError, UsageError
from latprof.recording.core import stage
from latprof.recording.hooks import Hook, is_hooked, name_of, place

__all__ = ["Instrumentation", "instrument"]


class Instrumentation:
    """The hooks that one call of `instrument` placed; `remove` takes them off.

    Also a context manager that removes them at the end of its block.
    """

    def __init__(self, hooks: Iterable[Hook]) -> None:
        self._hooks = list(hooks)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that are hooked, each once, in the order given."""
        return tuple(dict.fromkeys(hook.stage.name for hook in self._hooks))

    def remove(self) -> None:
        """Put back exactly what was found. Removing again does nothing."""
        while self._hooks:
            self._hooks.pop().remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def instrument(
    obj: object, stages: Mapping[str, str | Iterable[str]] | None = None
) -> Instrumentation:
    """Time methods of an existing object as stages, until the hooks are removed.

    Args:
        obj: An instance, a class (then all its instances are timed) or a module.
        stages: Stage name -> name of the method, or several names; `part.method` reaches into an
            attribute. Plain, async, generator and async-generator methods are told apart as
            `latprof.stage` does. An attribute that holds an object which is called is hooked too.

    Returns:
        The hooks. `remove()`, or leaving them as a context manager, restores the object exactly:
        the very attributes that were there before are there again.

    Raises:
        InstrumentError: There is no such method, or it is hooked already, or the object cannot be
            changed. Then nothing is hooked.
        UsageError: `stages` is missing or empty, or does not map names to names.

    Example:
        >>> import latprof as lp
        >>> class Service:
        ...     def tokenize(self, text):
        ...         return text.split()
        >>> service = Service()
        >>> with lp.instrument(service, stages={"tokenize": "tokenize"}):
        ...     service.tokenize("good film")
        ['good', 'film']
    """
    hooks: list[Hook] = []
    try:
        for stage_name, method in _pairs(obj, stages):
            hooks.append(_hook(obj, method, stage_name))
    except BaseException:
        Instrumentation(hooks).remove()
        raise
    return Instrumentation(hooks)


def _pairs(obj: object, stages: object) -> list[tuple[str, str]]:
    """Return (stage, method) in the order given."""
    if not stages or not isinstance(stages, Mapping):
        raise UsageError(
            f"which methods of {name_of(obj)} are stages? "
            'instrument(obj, stages={"tokenize": "tokenize", "forward": "forward"})'
        )
    pairs = [
        (stage_name, method)
        for stage_name, methods in stages.items()
        for method in ((methods,) if isinstance(methods, str) else _listed(methods))
    ]
    for _, method in pairs:
        if not isinstance(method, str) or not method:
            raise UsageError(f"a stage names a method of {name_of(obj)}, got {method!r}")
    return pairs


def _listed(methods: object) -> Iterable[Any]:
    return methods if isinstance(methods, Iterable) else (methods,)


def _hook(obj: object, path: str, stage_name: str) -> Hook:
    *parts, attribute = path.split(".")
    owner = obj
    for part in parts:
        owner = _get(owner, part)
    found = _get(owner, attribute)
    if not callable(found):
        raise InstrumentError(
            f"{name_of(owner)}.{attribute} is {type(found).__name__}, not something to call"
        )
    if isinstance(found, type):
        raise InstrumentError(f"{name_of(owner)}.{attribute} is a class: hook one of its methods")
    if is_hooked(owner, found):
        raise InstrumentError(
            f"{name_of(owner)}.{attribute} is instrumented already: remove() that "
            "instrumentation first"
        )
    return place(owner, attribute, cast("Callable[..., Any]", found), stage(stage_name))


def _get(owner: object, attribute: str) -> Any:
    try:
        return getattr(owner, attribute)
    except AttributeError:
        public = [name for name in dir(owner) if not name.startswith("__")]
        near = ", ".join(get_close_matches(attribute, public, n=4, cutoff=0.4))
        hint = f"; close to it: {near}" if near else ""
        raise InstrumentError(f"{name_of(owner)} has no attribute {attribute!r}{hint}") from None
    except Exception as error:
        raise InstrumentError(
            f"{name_of(owner)}.{attribute} cannot be read: it raises {type(error).__name__}"
        ) from error
