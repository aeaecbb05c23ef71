"""Arms: the contenders of a duel, described so that a fresh process can build them again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from latprof.backends.registry import BUILT_IN, GROUP
from latprof.errors import UsageError
from latprof.targets.callable import resolve

__all__ = ["Arm", "arms_of"]

FEWEST = 2
_OWN_KEYS = ("model", "backend")


@dataclass(frozen=True)
class Arm:
    """One contender.

    Attributes:
        name: What tables call it.
        reference: `MODULE:ATTR`; None where it is a model.
        backend: Name of the backend; None where it is no model.
        model: Path of the model file.
        options: Of `latprof.load_model`, by name.
        call: What is called in this process; None where the arm is built in a process of its own.
    """

    name: str
    reference: str | None = None
    backend: str | None = None
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    call: Callable[[Any], Any] | None = None

    @property
    def spawned(self) -> bool:
        """Whether the arm gets processes of its own."""
        return self.call is None

    def described(self) -> dict[str, Any]:
        """Return what another process needs to build the arm, as plain data."""
        return {key: value for key, value in asdict(self).items() if key != "call"}


def arms_of(arms: Mapping[str, Any]) -> list[Arm]:
    """Return what a user gave as the arms of a duel.

    Args:
        arms: Name to a model file (the name is then that of the backend), to a mapping with
            `model`, perhaps `backend`, and options of `load_model`, to a `MODULE:ATTR`, or to a
            callable, which can only be called in this process.

    Raises:
        UsageError: There are fewer than two, or one is none of these.
    """
    if not isinstance(arms, Mapping) or len(arms) < FEWEST:
        raise UsageError(
            "a duel takes two arms or more by name, such as "
            '{"onnxruntime": "model.onnx", "openvino": "model.onnx"}'
        )
    return [_arm(str(name), given) for name, given in arms.items()]


def _arm(name: str, given: Any) -> Arm:
    if not name or not name.isprintable():
        raise UsageError(f"an arm needs a name that can be printed, not {name!r}")
    if isinstance(given, Mapping):
        return _model(name, dict(given))
    if isinstance(given, str | os.PathLike):
        text = os.fspath(given)
        if _is_reference(text):
            return Arm(name, reference=text)
        return _model(name, {"model": text})
    target = resolve(given)
    if target.is_async:
        raise UsageError(f"the arm {name!r} is a coroutine function: a duel takes plain calls")
    return Arm(name, call=target.call)


def _is_reference(text: str) -> bool:
    place, colon, attribute = text.rpartition(":")
    dotted = attribute.replace(".", "").isidentifier()
    return bool(colon and place) and dotted and not os.path.exists(text)  # noqa: PTH110 - a text yet


def _model(name: str, given: dict[str, Any]) -> Arm:
    backend = given.get("backend", name)
    _check_backend(name, backend)
    model = given.get("model")
    if not isinstance(model, str | os.PathLike) or not os.path.exists(model):  # noqa: PTH110 - as given
        raise UsageError(f"the arm {name!r} has no model file: there is no {model}")
    # TensorRT runs on nothing else, and has no threads to choose.
    usual = {"device": "cuda", "threads": None} if backend == "tensorrt" else {}
    options = usual | {key: value for key, value in given.items() if key not in _OWN_KEYS}
    return Arm(name, backend=backend, model=os.path.abspath(model), options=options)  # noqa: PTH100 - links stay


def _check_backend(name: str, backend: object) -> None:
    joined = metadata.entry_points(group=GROUP).names
    known = [*BUILT_IN, *sorted(joined)]
    if backend in known:
        return
    near = difflib.get_close_matches(str(backend), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"backends are {', '.join(known)}"
    also = "" if backend != name else '; {"model": ..., "backend": ...} names one'
    raise UsageError(f"the arm {name!r}: there is no backend {backend!r}: {hint}{also}")
