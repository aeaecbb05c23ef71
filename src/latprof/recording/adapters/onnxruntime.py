"""ONNX Runtime sessions: a run is the stage `forward`."""

from __future__ import annotations

from typing import Any

from latprof.recording.adapters.arrays import Inputs, named_arrays, type_name
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Call, Place, Seen

__all__ = ["KNOWN", "MODULE", "SESSION", "places"]

KNOWN = "onnxruntime.InferenceSession"
MODULE, SESSION = "onnxruntime.capi.onnxruntime_inference_collection", "InferenceSession"
_RUNS = ("run", "run_with_iobinding", "run_with_ort_values")


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no session."""
    if not is_a(obj, MODULE, SESSION):
        return []
    around = Seen("forward", _Session(obj).see)
    return [Place(obj, name, around) for name in _RUNS if hasattr(obj, name)]


class _Session:
    """Looks at the runs of a session.

    What is bound to a device's memory is not read: such runs have no shapes.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = Inputs()

    def see(self, facts: Facts, call: Call) -> None:
        self._inputs.see(facts, call.given)
        providers = self._session.get_providers()  # as it is now: a session may fall back
        if providers:
            facts.word("provider", providers[0])
        outputs = named_arrays(call.result)
        if outputs:
            facts.word("output_dtype", type_name(outputs[0][1].dtype))
