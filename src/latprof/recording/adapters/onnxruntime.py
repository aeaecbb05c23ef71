"""ONNX Runtime sessions: a run is the stage `forward`, an asynchronous one until it calls back."""

from __future__ import annotations

import contextlib
import math
import re
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from latprof.recording.adapters.arrays import (
    MASK,
    Given,
    Inputs,
    mapping_in,
    tell_inputs,
)
from latprof.recording.adapters.callbacks import Answered
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import LATER, Sighting

__all__ = ["KNOWN", "MODULE", "RUNS", "SESSION", "Session", "asked_of", "places", "remember_asked"]

KNOWN = "onnxruntime.InferenceSession"
MODULE, SESSION = "onnxruntime.capi.onnxruntime_inference_collection", "InferenceSession"
_VALUES = "input_dict_ort_values"
_SMALL_BYTES = 4096  # of a mask: the arrays of a text live on until the recorder has seen to it
_TENSOR = re.compile(r"tensor\((\w+)\)")
_CALLED = {"float": "float32", "double": "float64"}  # as numpy does
_CALLBACK = (2, "callback")  # of run_async
_asked: WeakKeyDictionary[object, str] = WeakKeyDictionary()
RUNS = ("run", "run_with_iobinding", "run_with_ort_values")


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no session."""
    if not is_a(obj, MODULE, SESSION):
        return []
    look = Session(obj).look
    around, answered = Seen("forward", look, before=True), Answered("forward", look, _CALLBACK)
    runs = [Place(obj, name, around) for name in RUNS if hasattr(obj, name)]
    return [*runs, *([Place(obj, "run_async", answered)] if hasattr(obj, "run_async") else [])]


def remember_asked(session: object, providers: object) -> None:
    """Remember the first provider that a session is asked for, since it forgets it."""
    if isinstance(providers, list | tuple) and providers:
        first = providers[0]
        _asked[session] = str(first[0] if isinstance(first, tuple) else first)


def asked_of(session: object) -> str:
    """Return that; empty where nobody has seen it."""
    return _asked.get(session, "")


class Session:
    """Looks at the runs of a session, before they begin: a run leaves no cache warm.

    Looking then would take several times as long, and the stage that follows would be the quicker
    for it. What is bound to a device's memory is not read: such runs have no shapes. Texts are
    looked at after the request: their shapes stay, and of what they hold only the mask is read, a
    copy, since some services write the next text into the same array.
    """

    def __init__(self, session: Any) -> None:
        self._session = weakref.proxy(session)  # not held, as in torch's adapter
        self._inputs = Inputs()
        self._about = (id(session), _size(session), asked_of(session))
        self._dtypes = _dtypes(session)
        self._known_provider = ""
        self._provider()

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], _: object) -> Sighting:
        """Look at a run: its inputs, its first output, its provider."""
        feed = args[1] if len(args) > 1 else kwargs.get("input_feed", kwargs.get(_VALUES))
        asked = args[0] if args else kwargs.get("output_names")
        mask = feed.get(MASK) if type(feed) is dict else None
        if mask is not None and getattr(mask, "nbytes", math.inf) <= _SMALL_BYTES:
            return LATER, self._look_later, {**feed}, mask.tobytes(), asked
        return self._look(mapping_in(feed) or {}, asked)

    def _look_later(self, feed: dict[str, Any], content: bytes, asked: Any) -> Sighting:
        mask = feed[MASK]
        feed[MASK] = sys.modules["numpy"].frombuffer(content, mask.dtype).reshape(mask.shape)
        return self._look(feed, asked)

    def _look(self, feed: Mapping[str, Any], asked: Any) -> Sighting:
        dtype = self._dtypes.get(asked[0] if type(asked) is list and asked else "", "")
        return _tell, self._inputs.look((), feed), self._provider(), dtype, self._about

    def _provider(self) -> str:
        """Return the provider as it is now, since a session may fall back; the last one known."""
        with contextlib.suppress(ReferenceError):  # the session is gone already
            self._known_provider = next(iter(self._session.get_providers()), "")
        return self._known_provider


def _size(session: Any) -> int:
    """Return the bytes of a session's model; 0 where they are not known."""
    held = getattr(session, "_model_bytes", None)
    if held is not None:
        return len(held)
    try:
        return Path(session._model_path).stat().st_size  # noqa: SLF001 - it has no other word for it
    except (AttributeError, OSError, TypeError):
        return 0


def _dtypes(session: Any) -> dict[str, str]:
    """Return the types of its outputs by name, of the first by none; none of what is no tensor."""
    types: dict[str, str] = {}
    for output in session.get_outputs():
        found = _TENSOR.fullmatch(output.type)
        if found is not None:
            word = found[1]
            types[output.name] = _CALLED.get(word, word)
    return {"": next(iter(types.values()), ""), **types}


def _tell(
    facts: Facts, given: Given, provider: str, dtype: str, about: tuple[int, int, str]
) -> None:
    tell_inputs(facts, *given)
    model, nbytes, asked = about
    if nbytes:
        facts.once(model, "weights_bytes", nbytes)
    if asked:
        facts.word("providers_asked", asked)
    if provider:
        facts.word("provider", provider)
    if dtype:
        facts.word("output_dtype", dtype)
