"""Objects that name their stages themselves: services, and the models of `latprof.load_model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latprof.recording.adapters.arrays import Given, Inputs, named_arrays, tell_inputs, type_name
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import Sighting
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
    named = list(stage_methods(declared_stages(obj)))
    if is_a(obj, "latprof.backends.model", "Model"):
        return _model_places(obj, named)
    return [Place(obj, method, stage(name)) for name, method in named]


def _model_places(model: object, named: list[tuple[str, Any]]) -> list[Place]:
    """Look at both ends of a call: there a model on a device meets the host's arrays."""
    last = len(named) - 1
    return [
        Place(model, method, Seen(name, _End(first=k == 0, last=k == last).look))
        for k, (name, method) in enumerate(named)
    ]


class _End:
    """Looks at a stage of a loaded model: at what the first is given and what the last returns."""

    def __init__(self, *, first: bool, last: bool) -> None:
        self._inputs = Inputs() if first else None
        self._is_last = last

    def look(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object
    ) -> Sighting | None:
        given = None if self._inputs is None else self._inputs.look(args, kwargs)
        outputs = named_arrays(result) if self._is_last else []
        dtype = type_name(outputs[0][1].dtype) if outputs else ""
        return (_tell, given, dtype) if given or dtype else None


def _tell(facts: Facts, given: Given | None, dtype: str) -> None:
    if given is not None:
        tell_inputs(facts, *given)
    if dtype:
        facts.word("output_dtype", dtype)
