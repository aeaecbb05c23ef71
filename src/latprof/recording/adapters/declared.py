"""Objects that name their stages themselves: services, and the models of `latprof.load_model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latprof.recording.adapters.arrays import Inputs, named_arrays, type_name
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Call, Place, Seen
from latprof.recording.core import stage

__all__ = ["KNOWN", "declared_stages", "places", "stage_methods"]

KNOWN = "objects with .stages (a service's own, or of latprof.load_model)"


def declared_stages(obj: object) -> Mapping[str, Any]:
    """Return the stages that an object names: stage to method name or names.

    They stand in its attribute `stages`: a list or tuple of method names, or a mapping from stage
    to method name or names. Any other `stages` (the layers of a network, say) is its own affair.

    >>> class Service:
    ...     stages = ("tokenize", "forward")
    >>> declared_stages(Service())
    {'tokenize': 'tokenize', 'forward': 'forward'}
    """
    stages = getattr(obj, "stages", None)
    if isinstance(stages, list | tuple) and all(isinstance(name, str) for name in stages):
        return {name: name for name in stages}
    return dict(stages) if isinstance(stages, Mapping) else {}


def stage_methods(stages: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (stage, method) in the order given."""
    for stage_name, methods in stages.items():
        one = isinstance(methods, str) or not hasattr(methods, "__iter__")
        for method in (methods,) if one else methods:
            yield stage_name, method


def places(obj: object) -> list[Place]:
    """Return where hooks go: none for an object that names no stages."""
    is_model = is_a(obj, "latprof.backends.model", "Model")
    return [
        Place(obj, method, _model_stage(name) if is_model else stage(name))
        for name, method in stage_methods(declared_stages(obj))
    ]


def _model_stage(name: str) -> Any:
    return Seen(name, _Forward().see) if name == "forward" else stage(name)


class _Forward:
    """Looks at the computing stage of a loaded model."""

    def __init__(self) -> None:
        self._inputs = Inputs()

    def see(self, facts: Facts, call: Call) -> None:
        self._inputs.see(facts, call.given)
        outputs = named_arrays(call.result)
        if outputs:
            facts.word("output_dtype", type_name(outputs[0][1].dtype))
