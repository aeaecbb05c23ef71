"""Calls of models and tokenizers that nobody has instrumented, seen at their classes.

While a recording is on, the classes' own methods look at the outermost call on each thread: what a
model calls inside is a part of it. So what is noted of a request does not hang on whether its model
was found and instrumented. A layer pays some tens of nanoseconds more for its call, an outermost
call inside a request two to ten microseconds, which are in the stage that makes it.

An object that is instrumented is left to its own hooks, a model at whose parts stages were named to
theirs. A module that is called with no array, as a service built as one is, is no model: what it
calls may be.

What torch.compile compiles while a recording is on is compiled once more at its first call after
it, since its guards know our method.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from latprof.recording import core, session
from latprof.recording.adapters import onnxruntime, openvino, tokenizers, torch
from latprof.recording.adapters.arrays import Inputs, mapping_in, named_arrays
from latprof.recording.adapters.seeing import look_at, sight
from latprof.recording.adapters.sightings import LATER, Sighting, in_stage, note
from latprof.recording.hooks import is_hook, is_hooked

__all__ = ["WATCHED", "Generating"]

_OUTSIDE = "untracked"

Function = Callable[..., Any]


class _Looker(Protocol):
    """Looks at the calls of one object."""

    def look(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object, /
    ) -> Sighting | None:
        """Return what a call says, as `seeing.Look` does."""
        ...


class _Lookers:
    """One looker for each object that is called, for as long as that lives.

    Kept by identity: a weak dictionary takes 20 us to ask after a model has filled the caches.
    """

    def __init__(self, make: Callable[[Any], _Looker]) -> None:
        self._make = make
        self._known: dict[int, tuple[_Looker, weakref.ref[Any]]] = {}

    def of(self, owner: Any) -> _Looker:
        known = self._known.get(id(owner))
        return self._new(owner) if known is None else known[0]

    def _new(self, owner: Any) -> _Looker:
        name, looker = id(owner), self._make(owner)
        forget = functools.partial(self._known.pop, name)
        self._known[name] = looker, weakref.ref(owner, lambda _: forget(None))
        return looker


def _note(lookers: _Lookers, owner: Any, given: tuple[Any, ...], result: object) -> None:
    """Note a call, if there is a request; whatever goes wrong in looking stays here."""
    recorder = session.current
    if recorder is None or (request_id := core.current_request_id()) < 0:
        return
    try:
        args, kwargs = given
        sighting = lookers.of(owner).look(args, kwargs, result)
        if sighting is not None:
            recorder.see(request_id, in_stage(core.current_stage() or _OUTSIDE, sighting))
    except Exception:  # noqa: BLE001, S110 - as in look_at
        pass


class _Model:
    """Around the method of a class by which its models are called."""

    def __init__(self, make: Callable[[Any], _Looker]) -> None:
        self._make = make

    def __call__(self, function: Function, /) -> Function:
        lookers = _Lookers(self._make)

        @functools.wraps(function)
        def calling(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if sight.within:
                return function(self, *args, **kwargs)
            sight.within = True
            try:
                result = function(self, *args, **kwargs)
            finally:
                sight.within = False
            if session.current is not None:
                _note(lookers, self, (args, kwargs), result)
            return result

        return calling


class _Session:
    """Around a method that runs sessions of ONNX Runtime, which call nothing else that is watched.

    Looked at before, as `onnxruntime.Session` says.
    """

    def __call__(self, function: Function, /) -> Function:
        lookers = _Lookers(onnxruntime.Session)

        @functools.wraps(function)
        def running(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if session.current is not None and not sight.within:
                _note(lookers, self, (args, kwargs), None)
            return function(self, *args, **kwargs)

        return running


class _Encoder:
    """Around a method by which tokenizers of the library of that name encode.

    Their own code calls none of the others. What was made is looked at after the request: encoding
    a sentence takes hardly longer than that.
    """

    def __call__(self, function: Function, /) -> Function:
        look, is_ours = tokenizers.look_at_encodings, is_hook(function)

        @functools.wraps(function)
        def encoding(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if sight.within or (is_ours and is_hooked(self, function)):
                return function(self, *args, **kwargs)
            made = function(self, *args, **kwargs)
            note((LATER, look, self, made))
            return made

        return encoding


class _Tokenizer:
    """Around a method by which tokenizers of transformers encode."""

    def __call__(self, function: Function, /) -> Function:
        is_ours = is_hook(function)

        @functools.wraps(function)
        def encoding(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if sight.within or (is_ours and is_hooked(self, function)):
                return function(self, *args, **kwargs)
            sight.within = True
            try:
                made = function(self, *args, **kwargs)
            finally:
                sight.within = False
            look_at(tokenizers.look_at_ids, args, kwargs, made)
            return made

        return encoding


class _TorchModule:
    """Around the call of torch modules, of which layers are most.

    A layer is called as torch's own method would call it, which saves a frame for each.
    """

    def __call__(self, function: Function, /) -> Function:
        lookers = _Lookers(torch.Module)
        is_compiling = sys.modules["torch"].compiler.is_compiling

        @functools.wraps(function)
        def calling(self: Any, *args: Any, **kwargs: Any) -> Any:
            if sight.within:
                if self._compiled_call_impl is not None:
                    return self._compiled_call_impl(*args, **kwargs)
                return self._call_impl(*args, **kwargs)
            if is_compiling() or not _takes_arrays(args, kwargs):
                return function(self, *args, **kwargs)
            sight.within, sight.told = True, False
            try:
                result = function(self, *args, **kwargs)
            finally:
                sight.within = False
            if session.current is not None and not sight.told and not _has_hooks(self):
                _note(lookers, self, (args, kwargs), result)
            return result

        return calling


def _takes_arrays(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call is given an array: quickly where it is, since most are."""
    for each in (*args, *kwargs.values()):
        if hasattr(each, "shape"):
            return True
    return any(
        bool(named_arrays(mapping_in(each) or each))
        for each in (*args, *kwargs.values())
        if isinstance(each, list | tuple) or mapping_in(each) is not None
    )


def _has_hooks(module: Any) -> bool:
    """Whether a module is instrumented: what is seen of it is noted there."""
    own = vars(module)
    return any(
        name in own and is_hooked(module, own[name]) for name in ("forward", "_compiled_call_impl")
    )


class Generating:
    """Looks at `generate` of a model: one call, whatever steps it takes."""

    def __init__(self, model: Any) -> None:
        self._module, self._inputs = torch.Module(model), Inputs()

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> Sighting:
        """Look at a call: its prompt, its output, and the state that it ran in."""
        given = self._inputs.look(args, kwargs)
        return torch.tell_call, given, self._module.state(result), self._module.mode()


_encodings, _ids = _Encoder(), _Tokenizer()
_session = _Session()

WATCHED: tuple[tuple[str, str, str, Any], ...] = (
    ("torch.nn.modules.module", "Module", "__call__", _TorchModule()),
    ("transformers.generation.utils", "GenerationMixin", "generate", _Model(Generating)),
    *((onnxruntime.MODULE, onnxruntime.SESSION, run, _session) for run in onnxruntime.RUNS),
    (openvino.MODULE, "CompiledModel", "__call__", _Model(openvino.Compiled)),
    (openvino.MODULE, "InferRequest", "infer", _Model(openvino.Compiled)),
    *(("tokenizers", "Tokenizer", name, _encodings) for name in tokenizers.ENCODERS),
    *((*tokenizers.TRANSFORMERS, name, _ids) for name in tokenizers.CALLS),
)
"""(module, class, method, what looks on) of each."""
