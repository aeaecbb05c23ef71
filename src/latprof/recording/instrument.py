"""Hooks on objects that exist already: stages around their methods, all as it was afterwards."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self, cast

from latprof.errors import InstrumentError, UsageError
from latprof.recording.adapters.declared import stage_methods
from latprof.recording.adapters.known import known, places_in
from latprof.recording.adapters.named import named_place
from latprof.recording.adapters.seeing import Place
from latprof.recording.core import stage
from latprof.recording.hooks import Hook, is_hooked, name_of, place

__all__ = ["Instrumentation", "instrument", "is_instrumented", "knows"]


class Instrumentation:
    """The hooks that one call of `instrument` placed; `remove` takes them off.

    Also a context manager that removes them at the end of its block.
    """

    def __init__(
        self,
        hooks: Iterable[Hook],
        stages: Iterable[str | None] = (),
    ) -> None:
        self._hooks = list(hooks)
        self._stages = tuple(dict.fromkeys(filter(None, stages)))

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that are hooked, each once, in the order given; none once removed."""
        return self._stages if self._hooks else ()

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

    Where a module is handed to `torch.compile`, instrument what that returns: hooks inside what is
    compiled may break its graph.

    Args:
        obj: An instance, a class (then all its instances are timed) or a module.
        stages: Stage name -> name of the method, or several names; `part.method` reaches into an
            attribute. Plain, async, generator and async-generator methods are told apart as
            `latprof.stage` does. An attribute that holds an object which is called is hooked too.
            None for an object that latprof knows: a pipeline, a generating model, a tokenizer or an
            image processor of transformers, a torch module, an ONNX Runtime session, a tokenizer
            of tokenizers, an object that has `.stages`. Those also note about each request what
            `latprof.recording.adapters.facts` lists: tokens, padding, shapes, types, modes.

    Returns:
        The hooks. `remove()`, or leaving them as a context manager, restores the object exactly:
        the very attributes that were there before are there again.

    Raises:
        InstrumentError: There is no such method, or it is hooked already, or the object cannot be
            changed. Then nothing is hooked.
        UsageError: `stages` is empty, or does not map names to names; or it is missing and latprof
            does not know the object.

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
    places = _named(obj, stages) if stages is not None else _known(obj)
    hooks: list[Hook] = []
    try:
        for each in places:
            hooks.append(_hook(each))  # noqa: PERF401 - what is placed before a failure counts
    except BaseException:
        Instrumentation(hooks).remove()
        raise
    names = [name for each in places for name in (each.around.name, *each.also)]
    return Instrumentation(hooks, names)


def knows(obj: object) -> bool:
    """Whether `instrument(obj)` needs no `stages=`."""
    return bool(places_in(obj))


def is_instrumented(obj: object) -> bool:
    """Whether a place that `instrument(obj)` would hook is hooked already."""
    return any(_is_taken(each) for each in places_in(obj))


def _is_taken(where: Place) -> bool:
    parts, _, name = where.path.rpartition(".")
    try:
        owner = operator.attrgetter(parts)(where.owner) if parts else where.owner
        return is_hooked(owner, getattr(owner, name))
    except AttributeError:
        return False  # `instrument` says so better


def _known(obj: object) -> list[Place]:
    places = places_in(obj)
    if not places:
        raise UsageError(
            f"which methods of {name_of(obj)} are stages? latprof knows {known()}; for others: "
            'instrument(obj, stages={"tokenize": "tokenize", "forward": "forward"})'
        )
    return _checked(places)


def _named(obj: object, stages: object) -> list[Place]:
    """Return the places in the order given."""
    if not stages or not isinstance(stages, Mapping):
        raise UsageError(
            f"which methods of {name_of(obj)} are stages? "
            'instrument(obj, stages={"tokenize": "tokenize", "forward": "forward"})'
        )
    named = list(stage_methods(stages))
    _checked([Place(obj, method, stage(name)) for name, method in named])
    return [named_place(obj, method, stage(name)) for name, method in named]


def _checked(places: list[Place]) -> list[Place]:
    for owner, method, *_ in places:
        if not isinstance(method, str) or not method:
            raise UsageError(f"a stage names a method of {name_of(owner)}, got {method!r}")
    return places


def _hook(where: Place) -> Hook:
    *parts, attribute = where.path.split(".")
    owner = where.owner
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
    return place(owner, attribute, cast("Callable[..., Any]", found), where.around)


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
