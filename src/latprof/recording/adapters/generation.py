"""`generate` of transformers' models: the stages `prefill` and `decode`.

`prefill` lasts from the call until the model has answered the prompt, what prepares that included;
`decode` is the rest, from choosing the first token to returning all. Together they are the call.

Where the weights are on a device that has events, both also get their time there: they share the
mark between them, so their device times add up to the call's. On the host's clock `prefill` ends
there when its work is handed over, and the wait for it falls into `decode`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from latprof.recording import core, session
from latprof.recording.adapters.arrays import Given, Inputs, shape_of, tell_inputs
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, look_at
from latprof.recording.adapters.sightings import Sighting
from latprof.recording.adapters.torch import Mode, Module, call_path, clock_of, tell_mode
from latprof.recording.deviceclock import DeviceClock
from latprof.recording.hooks import Around

__all__ = ["generates", "places"]

_PREFILL, _DECODE = core.stage("prefill"), core.stage("decode")


def generates(obj: Any) -> bool:
    """Whether it is a model that can generate."""
    return is_a(obj, "transformers.generation.utils", "GenerationMixin") and obj.can_generate()


def places(model: Any, around: Around, inputs: Inputs | None) -> list[Place]:
    """Return where hooks go in a model that generates.

    Args:
        model: The model.
        around: What is put around its call outside `generate`.
        inputs: What looks at the inputs of `generate`; None where somebody else does.
    """
    chunked = [Place(model, "_prefill", _Chunks(model))] if hasattr(model, "_prefill") else []
    return [
        Place(model, "generate", _Generate(model, inputs, clock_of(model)), also=("decode",)),
        *chunked,
        Place(model, call_path(model), _Step(model, around)),
    ]


class _Generation:
    """A call of `generate` under way: in its prefill, then in its decoding."""

    def __init__(self, model: object, clock: DeviceClock | None) -> None:
        self.model = model
        self.is_chunked = False
        self._call = contextlib.nullcontext() if clock is None else clock.call()
        self._lap_of = contextlib.nullcontext if clock is None else clock.stage

    def prefilled(self) -> None:
        """End the prefill, at the first call of this."""
        if self._stage is _PREFILL:
            self._leave(None, None, None)
            self._enter(_DECODE)

    def _enter(self, stage: core.Stage) -> None:
        self._stage = stage
        stage.__enter__()
        self._lap = self._lap_of()
        self._lap.__enter__()

    def _leave(self, *raised: Any) -> None:
        self._lap.__exit__(*raised)
        self._stage.__exit__(*raised)

    def __enter__(self) -> Self:
        self._token = _running.set(self)
        self._call.__enter__()
        self._enter(_PREFILL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(kind, error, traceback)
        self._call.__exit__(kind, error, traceback)
        _running.reset(self._token)


_running: ContextVar[_Generation | None] = ContextVar("latprof_generation", default=None)


def _generation_of(model: object) -> _Generation | None:
    generation = _running.get()
    return generation if generation is not None and generation.model is model else None


class _Generate:
    """Around `generate`: two stages, one after the other."""

    name = "prefill"

    def __init__(self, model: Any, inputs: Inputs | None, clock: DeviceClock | None) -> None:
        self._model, self._module, self._clock = model, Module(model), clock
        self._inputs = inputs

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        @functools.wraps(function)
        def generating(*args: Any, **kwargs: Any) -> Any:
            if not core.is_active():
                return function(*args, **kwargs)
            with _Generation(self._model, self._clock):
                result = function(*args, **kwargs)
            if session.current is not None:
                look_at(self._look, args, kwargs, result)
            return result

        return generating

    def _look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> Sighting:
        given = None if self._inputs is None else self._inputs.look(args, kwargs)
        sequences = shape_of(getattr(result, "sequences", result))
        made = (
            None
            if sequences is None
            else sequences[0] * (sequences[1] - self._prompt(args, kwargs))
        )
        return _tell, self._module.mode(), given, made

    def _prompt(self, args: tuple[Any, ...], kwargs: Any) -> int:
        """Return how much of what is returned was given."""
        if self._model.config.is_encoder_decoder:
            return 1  # the token that every answer starts with
        given = args[0] if args else kwargs.get("inputs", kwargs.get("input_ids"))
        shape = shape_of(given)
        return 0 if shape is None else shape[-1]


def _tell(facts: Facts, mode: Mode, given: Given | None, made: int | None) -> None:
    tell_mode(facts, mode)
    if given is not None:
        tell_inputs(facts, *given)
    if made is not None:
        facts.add("generated_tokens", made)


class _Chunks:
    """Around the prefill, which a long prompt goes through in several calls of the model."""

    name = None

    def __init__(self, model: object) -> None:
        self._model = model

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        @functools.wraps(function)
        def prefilling(*args: Any, **kwargs: Any) -> Any:
            generation = _generation_of(self._model)
            if generation is None:
                return function(*args, **kwargs)
            generation.is_chunked = True
            result = function(*args, **kwargs)
            generation.prefilled()
            return result

        return prefilling


class _Step:
    """Around a call of the model, which ends the prefill when it is the first in `generate`."""

    def __init__(self, model: object, outside: Around) -> None:
        self.name = outside.name
        self._model, self._outside = model, outside

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        outside = self._outside(function)

        @functools.wraps(function)
        def stepping(*args: Any, **kwargs: Any) -> Any:
            generation = _generation_of(self._model)
            if generation is None:
                return outside(*args, **kwargs)
            result = function(*args, **kwargs)
            if not generation.is_chunked:
                generation.prefilled()
            return result

        return stepping
