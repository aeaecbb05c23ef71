"""transformers: pipelines, image processors, and models by what torch's adapter says of them.

In a pipeline that loads data with worker processes (`num_workers=`), what they do is not seen; and
where they are not forked, a hooked pipeline cannot be sent to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latprof.recording.adapters import generation, tokenizers, torch
from latprof.recording.adapters.arrays import Inputs, tell_inputs
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import Sighting
from latprof.recording.core import stage
from latprof.recording.deviceclock import DeviceClock

__all__ = ["KNOWN", "places"]

KNOWN = "transformers pipelines, generating models and image processors"


def places(obj: Any) -> list[Place]:
    """Return where hooks go: none where `obj` is nothing of transformers that is known here."""
    if is_a(obj, "transformers.pipelines.base", "Pipeline"):
        return _pipeline_places(obj)
    if is_a(obj, "transformers.image_processing_base", "ImageProcessingMixin"):
        return [Place(obj, "__call__", stage("preprocess"))]
    if generation.generates(obj):
        return generation.places(
            obj, Seen("forward", torch.Module(obj).look, _clock(obj)), Inputs()
        )
    return []


def _pipeline_places(pipeline: Any) -> list[Place]:
    tokenizer, model = pipeline.tokenizer, pipeline.model
    return [
        Place(pipeline, "preprocess", stage("preprocess")),
        *tokenizers.places(tokenizer),
        Place(pipeline, "forward", Seen("forward", _Batches().look, _clock(model))),
        *_model_places(model),
        Place(pipeline, "postprocess", stage("postprocess")),
    ]


def _clock(model: Any) -> DeviceClock | None:
    return torch.clock_of(model) if torch.is_module(model) else None


def _model_places(model: Any) -> list[Place]:
    """Look at a pipeline's model where it is called, inside the stage: there autograd is off."""
    if not torch.is_module(model):
        return []
    around = Seen(None, torch.Module(model).look_at_state)
    if generation.generates(model):
        return generation.places(model, around, inputs=None)
    return [Place(model, torch.call_path(model), around)]


class _Batches:
    """Looks at what a pipeline's `forward` is given: on the host still, whatever the device."""

    def __init__(self) -> None:
        self._inputs = Inputs()

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], _: object) -> Sighting:
        return tell_inputs, *self._inputs.look(args, kwargs)
