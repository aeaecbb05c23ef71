"""OpenVINO's compiled models and infer requests: what they are given and return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latprof.recording.adapters.arrays import Given, Inputs, mapping_in, tell_inputs, type_name
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.sightings import Sighting

__all__ = ["CALLS", "MODULE", "Compiled"]

MODULE = "openvino._ov_api"
CALLS = (("CompiledModel", "__call__"), ("InferRequest", "infer"))


class Compiled:
    """Looks at the calls of a compiled model or of an infer request.

    Args:
        _: The model; it is not asked anything.
    """

    def __init__(self, _: object) -> None:
        self._inputs = Inputs()

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> Sighting:
        """Look at a call: what is bound to the request before is not seen."""
        feed = args[0] if args else kwargs.get("inputs")
        held = mapping_in(feed)
        given = self._inputs.look((feed,) if held is None and feed is not None else (), held or {})
        outputs = mapping_in(result)
        first = next(iter(outputs.values()), None) if outputs else None
        dtype = getattr(first, "dtype", None)
        return _tell, given, "" if dtype is None else type_name(dtype)


def _tell(facts: Facts, given: Given, dtype: str) -> None:
    tell_inputs(facts, *given)
    if dtype:
        facts.word("output_dtype", dtype)
