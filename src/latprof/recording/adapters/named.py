"""Stages that users name at the very method of a model or a tokenizer that latprof knows.

Their hook goes below the class that `calls` watches, or in its place, so it looks at the calls
itself: what is noted of a request is the same whether its stage is named around the model or at it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from latprof.recording import session
from latprof.recording.adapters import generation, onnxruntime, openvino, tokenizers, torch
from latprof.recording.adapters.calls import Generating
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Look, Place, Seen, look_at, sight
from latprof.recording.adapters.sightings import Sighting, in_stage
from latprof.recording.core import Stage
from latprof.recording.wrapping import is_coroutine_function

__all__ = ["named_place"]


def named_place(owner: object, path: str, timed: Stage) -> Place:
    """Return where the hook of a named stage goes, and what is put around the method there.

    A torch module that is named itself is hooked where its call goes through. What cannot be found
    is left for `instrument` to complain of.

    Args:
        owner: The object.
        path: Name of its method; `part.method` reaches into an attribute.
        timed: The stage.
    """
    try:
        holder, _, name = path.rpartition(".")
        at = operator.attrgetter(holder)(owner) if holder else owner
        found = getattr(at, name)
    except Exception:  # noqa: BLE001 - as it may be a property of somebody else's
        return Place(owner, path, timed)
    if torch.is_module(found):
        at, name = found, torch.call_path(found)
        return Place(at, name, _Looking(timed, torch.Module(at).look))
    seen = _seen_of(found, "__call__") or _seen_of(at, name)
    return Place(
        owner, path, timed if seen is None else _Looking(timed, seen.look, before=seen.before)
    )


def _seen_of(owner: Any, name: str) -> Seen | None:
    """Return how the calls of a method are seen; None where it is none of a known object."""
    if isinstance(owner, type):
        return None
    if name == "generate" and generation.generates(owner):
        return Seen(None, Generating(owner).look)
    if any(is_a(owner, openvino.MODULE, kind) and name == call for kind, call in openvino.CALLS):
        return Seen(None, openvino.Compiled(owner).look)
    for adapter in (torch, onnxruntime, tokenizers):
        for each in adapter.places(owner):
            if each.path == name and isinstance(each.around, Seen):
                return each.around
    return None


class _Looking:
    """A stage around a method whose calls are looked at, the outermost ones on each thread.

    Args:
        timed: The stage.
        look: What looks.
        before: Look before the stage begins, as `Seen` does.
    """

    def __init__(self, timed: Stage, look: Look, *, before: bool = False) -> None:
        self.name = timed.name
        self._timed, self._look, self._before = timed, look, before

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return `function` in its stage."""
        staged = self._timed(function)
        if is_coroutine_function(function):
            return staged
        look = functools.partial(_seen, self.name, self._look)
        return _looking(staged, look, before=self._before)


def _looking(staged: Callable[..., Any], look: Look, *, before: bool) -> Callable[..., Any]:
    @functools.wraps(staged)
    def looking(*args: Any, **kwargs: Any) -> Any:
        if sight.named:  # a part of a model that is noted as a whole
            return staged(*args, **kwargs)
        if before and session.current is not None:
            look_at(look, args, kwargs, None)
        around = sight.within
        sight.within = sight.named = True
        try:
            result = staged(*args, **kwargs)
        finally:
            sight.within, sight.named = around, False
        if session.current is not None:
            sight.told = True
            if not before:
                look_at(look, args, kwargs, result)
        return result

    return looking


def _seen(
    stage: str, look: Look, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object
) -> Sighting | None:
    sighting = look(args, kwargs, result)
    if sighting is None or sighting[0] == Facts.tokenized:
        return sighting
    return in_stage(stage, sighting)
