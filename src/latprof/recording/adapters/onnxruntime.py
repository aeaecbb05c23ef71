"""ONNX Runtime sessions: a run is the stage `forward`, an asynchronous one until it calls back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latprof.recording.adapters.arrays import (
    Given,
    Inputs,
    mapping_in,
    named_arrays,
    tell_inputs,
    type_name,
)
from latprof.recording.adapters.callbacks import Answered
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import Sighting

__all__ = ["KNOWN", "MODULE", "SESSION", "places"]

KNOWN = "onnxruntime.InferenceSession"
MODULE, SESSION = "onnxruntime.capi.onnxruntime_inference_collection", "InferenceSession"
_VALUES = "input_dict_ort_values"
_CALLBACK = (2, "callback")  # of run_async
_RUNS = ("run", "run_with_iobinding", "run_with_ort_values")


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no session."""
    if not is_a(obj, MODULE, SESSION):
        return []
    look = _Session(obj).look
    around, answered = Seen("forward", look), Answered("forward", look, _CALLBACK)
    runs = [Place(obj, name, around) for name in _RUNS if hasattr(obj, name)]
    return [*runs, *([Place(obj, "run_async", answered)] if hasattr(obj, "run_async") else [])]


class _Session:
    """Looks at the runs of a session.

    What is bound to a device's memory is not read: such runs have no shapes.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = Inputs()
        self._dtypes: dict[str, str] = {}  # by the name of the first output: the model fixes them

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> Sighting:
        feed = args[1] if len(args) > 1 else kwargs.get("input_feed", kwargs.get(_VALUES))
        providers = self._session.get_providers()  # as it is now: a session may fall back
        asked = args[0] if args else kwargs.get("output_names")
        first = asked[0] if type(asked) is list and asked else ""
        dtype = self._dtypes.get(first, "")
        if not dtype:
            dtype = self._dtypes[first] = _dtype(result)
        return (
            _tell,
            self._inputs.look((), mapping_in(feed) or {}),
            providers[0] if providers else "",
            dtype,
        )


def _dtype(result: object) -> str:
    outputs = named_arrays(result)
    return type_name(outputs[0][1].dtype) if outputs else ""


def _tell(facts: Facts, given: Given, provider: str, dtype: str) -> None:
    tell_inputs(facts, *given)
    if provider:
        facts.word("provider", provider)
    if dtype:
        facts.word("output_dtype", dtype)
