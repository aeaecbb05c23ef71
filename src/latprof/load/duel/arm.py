"""Arms: the contenders of a duel, described so that a fresh process can build them again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from latprof.backends.registry import check_options, names
from latprof.backends.source import READERS, endings, evident_backend
from latprof.errors import BackendUnavailable, UsageError
from latprof.targets.callable import resolve

__all__ = ["Arm", "arms_of", "parsed"]

FEWEST = 2
_OWN_KEYS = ("model", "backend")
_PLACED_KEYS = ("device", "threads", "precision")  # of `load_model`, whatever the backend
_KEYS = (*_OWN_KEYS, *_PLACED_KEYS)


@dataclass(frozen=True)
class Arm:
    """One contender.

    Attributes:
        name: What tables call it.
        reference: `MODULE:ATTR`; None where it is a model.
        backend: Name of the backend; None where it is no model.
        model: Path of the model file.
        options: Of `latprof.load_model`, by name.
        folder: Where its process lives, and its module is looked for; None for where this one does.
        python: The interpreter of its process; None for the one that runs this.
        call: What is called in this process; None where the arm is built in a process of its own.
        refusal: Why its backend does not read its file; empty where it may.
    """

    name: str
    reference: str | None = None
    backend: str | None = None
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    python: str | None = None
    call: Callable[[Any], Any] | None = None
    refusal: str = ""

    @property
    def spawned(self) -> bool:
        """Whether the arm gets processes of its own."""
        return self.call is None

    def described(self) -> dict[str, Any]:
        """Return what another process needs to build the arm, as plain data."""
        near = ("call", "refusal")
        return {key: value for key, value in asdict(self).items() if key not in near}


def arms_of(arms: Mapping[str, Any]) -> list[Arm]:
    """Return what a user gave as the arms of a duel.

    Args:
        arms: Name to a model file, to `BACKEND:FILE`, to a mapping with `model`, perhaps
            `backend`, and options of `load_model`, to a `MODULE:ATTR`, to a mapping with
            `reference` (a `MODULE:ATTR`), the `folder` it is in and perhaps the `python` that runs
            it (which has this latprof too), or to a callable, which can only be called in this
            process. A file that names no backend runs on the one that the
            arm is called after, else on the one that its ending tells.

    Raises:
        UsageError: There are fewer than two, or one is none of these.
    """
    if not isinstance(arms, Mapping) or not arms:
        raise UsageError(
            "a duel takes two arms or more by name, such as "
            '{"onnxruntime": "model.onnx", "openvino": "model.onnx"}'
        )
    found = [_arm(str(name), given) for name, given in arms.items()]
    if len(found) < FEWEST:
        told = f"; and {found[0].refusal}" if found[0].refusal else ""
        raise UsageError(f"a duel takes two arms or more, not {found[0].name} alone{told}")
    return found


def _arm(name: str, given: Any) -> Arm:
    if not name or not name.isprintable():
        raise UsageError(f"an arm needs a name that can be printed, not {name!r}")
    if isinstance(given, str | os.PathLike):
        given = parsed(os.fspath(given))
    if isinstance(given, str):
        return Arm(name, reference=given)
    if isinstance(given, Mapping):
        return _placed(name, given) if "reference" in given else _model(name, dict(given))
    target = resolve(given)
    if target.is_async:
        raise UsageError(f"the arm {name!r} is a coroutine function: a duel takes plain calls")
    return Arm(name, call=target.call)


def _placed(name: str, given: Mapping[str, Any]) -> Arm:
    if set(given) - {"python"} != {"reference", "folder"}:
        told = "a reference goes with a folder, perhaps a python, and nothing else"
        raise UsageError(f"the arm {name!r}: {told}")
    folder = os.path.abspath(given["folder"])  # noqa: PTH100 - links stay
    if not os.path.isdir(folder):  # noqa: PTH112 - as given
        raise UsageError(f"the arm {name!r} has no checkout: there is no folder {folder}")
    python = _interpreter(name, given.get("python"))
    return Arm(name, reference=str(given["reference"]), folder=folder, python=python)


def _interpreter(name: str, given: str | os.PathLike[str] | None) -> str | None:
    if given is None:
        return None
    python = os.path.abspath(given)  # noqa: PTH100 - links stay: they are a virtual environment
    if not (os.path.isfile(python) and os.access(python, os.X_OK)):  # noqa: PTH113 - as given
        raise UsageError(f"the arm {name!r} has no Python: {python} is no program")
    return python


def parsed(text: str) -> str | dict[str, str]:
    """Return what a text names: a `MODULE:ATTR` as it is, else keys of a model's mapping.

    >>> parsed("onnxruntime:model.onnx")
    {'model': 'model.onnx', 'backend': 'onnxruntime'}
    """
    backend, colon, file = text.partition(":")
    if colon and backend in names() and _is_file(file):
        return {"model": file, "backend": backend}
    return text if _is_reference(text) else {"model": text}


def _is_file(text: str) -> bool:
    return os.path.exists(text) or os.path.splitext(text)[1].lower() in READERS  # noqa: PTH110, PTH122 - a text yet


def _is_reference(text: str) -> bool:
    place, colon, attribute = text.rpartition(":")
    dotted = attribute.replace(".", "").isidentifier()
    return bool(colon and place) and dotted and not _is_file(text)


def _model(name: str, given: dict[str, Any]) -> Arm:
    model = given.get("model")
    _check_keys(name, given)
    if not isinstance(model, str | os.PathLike):
        raise UsageError(f"the arm {name!r}: model names a file, not {model!r}")
    if not os.path.exists(model):  # noqa: PTH110 - as given
        raise UsageError(f"the arm {name!r} has no model file: there is no {model}")
    backend = given.get("backend") or _backend(name, model)
    # TensorRT runs on nothing else, and has no threads to choose.
    usual = {"device": "cuda", "threads": None} if backend == "tensorrt" else {}
    options = usual | {key: value for key, value in given.items() if key not in _OWN_KEYS}
    _check_options(name, backend, options)
    path = os.path.abspath(model)  # noqa: PTH100 - links stay
    return Arm(name, None, backend, path, options, refusal=_refusal(backend, path))


def _refusal(backend: str, path: str) -> str:
    """Return why a backend does not read a file, by its ending; empty where it may."""
    ending, mine = os.path.splitext(path)[1].lower(), endings(backend)  # noqa: PTH122 - a text yet
    if ending not in READERS or ending in mine or not mine:
        return ""
    others = ", ".join(mine)
    return f"{backend} does not read {ending} files, but {others}: --arm {backend}=model{mine[0]}"


def _check_keys(name: str, given: Mapping[str, Any]) -> None:
    if "model" in given:
        return
    near = difflib.get_close_matches("model", map(str, given), n=1)
    hint = f"did you mean it by {near[0]!r}? " if near else ""
    raise UsageError(
        f"the arm {name!r} has no key 'model': {hint}it takes {', '.join(_KEYS)}, and options of "
        "the backend"
    )


def _backend(name: str, model: str | os.PathLike[str]) -> str:
    """Return the backend that an arm is called after, else the one that its file tells."""
    known = names()
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    evident = READERS.get(os.path.splitext(model)[1].lower(), ())  # noqa: PTH122 - a text yet
    if near and near[0] not in evident[:1]:
        raise UsageError(
            f"the arm {name!r}: did you mean the backend {near[0]!r}? "
            f"{name}=BACKEND:{os.fspath(model)} says it under any name"
        )
    try:
        return evident_backend(model)
    except UsageError:
        raise UsageError(
            f"the arm {name!r} has no backend: {name}=BACKEND:{os.fspath(model)} says one of "
            f"{', '.join(known)}"
        ) from None


def _check_options(name: str, backend: object, options: Mapping[str, Any]) -> None:
    own = [key for key in options if key not in _PLACED_KEYS]
    try:
        check_options(str(backend), own)
    except UsageError as error:
        mistaken = {key: difflib.get_close_matches(key, _KEYS, n=1) for key in own}
        hints = [f"did you mean {near[0]!r} by {key!r}?" for key, near in mistaken.items() if near]
        raise UsageError(f"the arm {name!r}: {hints[0] if hints else error}") from error
    except BackendUnavailable:
        return  # which the arm's own process says, as its row
