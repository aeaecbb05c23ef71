"""Backends by name, loaded on use, and the door to all of them: `load_model`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import metadata
from typing import Any, Protocol, cast

from latprof.backends.model import Model
from latprof.backends.runtime import State, Status, one_line
from latprof.backends.source import evident_backend
from latprof.errors import BackendUnavailable, UsageError

__all__ = ["Backend", "backends", "check_options", "load_model", "names"]

GROUP = "latprof.backends"
BUILT_IN = ("onnxruntime", "openvino", "tensorrt", "torch")


class Backend(Protocol):
    """What a backend gives, a module or an object; others join by the group `latprof.backends`.

    `load` takes its options by keyword: the names in its signature are the options that exist.
    """

    def status(self) -> Status:
        """Say whether the backend can run here."""
        ...

    def load(
        self, source: Any, *, device: str, threads: int | None, precision: str | None
    ) -> Model:
        """Load a model."""
        ...


def backends() -> dict[str, Status]:
    """Say which backends can run on this machine.

    Each installed runtime is imported to ask it.

    Returns:
        Name to status; printed, a status is one line: what runs on which device and, where not,
        why and the pip line that helps.

    Example:
        `for status in lp.backends().values(): print(status)` prints such lines as

            onnxruntime 1.31.1 on cpu; cuda: there is no NVIDIA driver (libcuda.so.1 does not load)
            openvino: not installed: pip install "latprof[openvino]"
    """
    return {name: _status(name) for name in names()}


def load_model(
    path_or_module: Any,
    backend: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    **options: Any,
) -> Model:
    """Load a model for inference.

    Args:
        path_or_module: A model file, or for torch also an `nn.Module`, a scripted or an exported
            program.
        backend: "onnxruntime", "openvino", "tensorrt", "torch", or one that another package
            brings. None takes the one that is evident from the file's ending: onnxruntime for
            .onnx and .ort, openvino for .xml, tensorrt for .engine and .plan, torch for .pt, .pt2,
            .pth, .ts and for what is no file.
        device: "cpu", or a device that the backend knows, as "cuda" or "cuda:1".
        threads: Threads that compute one call; None leaves the choice to the runtime.
        precision: "f32", "f16" or "bf16" where the backend can choose; None keeps that of the
            model (for OpenVINO: f32).
        **options: What the backend takes besides: see `load` of its module in
            `latprof.backends`.

    Returns:
        The model: `model(inputs)` takes and returns a dict of arrays; `.stages`, `.describe()`,
        `.warm(shapes)`, `.close()`; also a context manager.

    Raises:
        UsageError: There is no such backend, option or file, or a value is not accepted.
        MissingDependencyError: The backend's package is not installed.
        BackendUnavailable: It is installed and has no such device or driver here.
        FallbackDetected: It would compute on another device than asked.
        ModelFormatError: The file is not a model that the backend can load.
        BuildFailed: It is, and the backend cannot make it executable.

    Example:
        >>> from latprof.backends.registry import load_model
        >>> from latprof.demo.service import MODEL_FOLDER
        >>> with load_model(MODEL_FOLDER / "model.onnx", threads=1) as model:
        ...     model.stages
        ('forward',)
    """
    if threads is not None and (not isinstance(threads, int) or threads is True or threads < 1):
        raise UsageError(f"threads is a whole number of at least 1, or None; got {threads!r}")
    if not isinstance(device, str) or not device:
        raise UsageError(f'device is a text such as "cpu" or "cuda:0", got {device!r}')
    backend = evident_backend(path_or_module) if backend is None else backend
    check_options(backend, options)
    return _find(backend).load(
        path_or_module, device=device, threads=threads, precision=precision, **options
    )


def names() -> list[str]:
    """Return the names of all backends: ours, then those that other packages bring."""
    return list(dict.fromkeys([*BUILT_IN, *sorted(_entry_points().names)]))


def check_options(backend: str, options: Iterable[str]) -> None:
    """Refuse options that a backend does not have.

    Raises:
        UsageError: There is no such backend, or it has no such option.
        BackendUnavailable: The backend, brought by another package, is broken.
    """
    parameters = inspect.signature(_find(backend).load).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    named = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in named:
            near = get_close_matches(option, named, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(named)}"
            raise UsageError(f"the backend {backend!r} has no option {option!r}: {hint}")


def _status(name: str) -> Status:
    try:
        return _find(name).status()
    except BackendUnavailable as error:
        return Status(name, State.UNUSABLE, reason=str(error))


def _entry_points() -> metadata.EntryPoints:
    return metadata.entry_points(group=GROUP)


def _find(name: str) -> Backend:
    """Import a backend. Nobody else's entry point stands in for a name of ours."""
    if name in BUILT_IN:
        return cast("Backend", importlib.import_module(f"latprof.backends.{name}"))
    for entry in _entry_points():
        if entry.name == name:
            return _joined(entry)
    known = names()
    near = get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"there is no backend {name!r}: {hint}choose one of {', '.join(known)}")


def _joined(entry: metadata.EntryPoint) -> Backend:
    try:
        found = entry.load()
    except Exception as error:
        raise BackendUnavailable(
            f"the backend {entry.name!r} ({entry.value}) cannot be imported: {one_line(error)}"
        ) from error
    if not all(callable(getattr(found, method, None)) for method in ("status", "load")):
        raise BackendUnavailable(
            f"the backend {entry.name!r} ({entry.value}) has no functions status and load: "
            "its author must add them"
        )
    return cast("Backend", found)
