"""What a model is loaded from: a file that must be there, and choices that must be known."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from latprof.errors import UsageError

__all__ = ["READERS", "choice", "endings", "evident_backend", "model_file"]

# Ending of a file to the built-in backends that read it, the evident one first.
READERS = {
    ".onnx": ("onnxruntime", "openvino", "tensorrt"),
    ".ort": ("onnxruntime",),
    ".xml": ("openvino",),
    ".engine": ("tensorrt",),
    ".plan": ("tensorrt",),
    ".pt2": ("torch",),
    ".pt": ("torch",),
    ".pth": ("torch",),
    ".ts": ("torch",),
}
_FOREIGN = {
    ".bin": "the weights of an OpenVINO model: give the .xml beside it",
    ".safetensors": "weights without a model: export one with torch.export or to ONNX",
    ".h5": "a Keras model: export it to ONNX",
    ".keras": "a Keras model: export it to ONNX",
    ".pb": "a TensorFlow graph: export it to ONNX",
    ".tflite": "a TensorFlow Lite model: export it to ONNX",
}


def evident_backend(source: object) -> str:
    """Return the backend that reads `source`, by its ending; what is no path is torch's.

    Raises:
        UsageError: The ending tells of none.

    >>> evident_backend("model.onnx")
    'onnxruntime'
    """
    if not isinstance(source, str | os.PathLike):
        return "torch"
    suffix = Path(source).suffix.lower()
    if suffix in READERS:
        return READERS[suffix][0]
    if suffix in _FOREIGN:
        raise UsageError(f"{os.fspath(source)} is {_FOREIGN[suffix]}")
    raise UsageError(
        f"no backend is evident for {os.fspath(source)}: name one with backend=; endings that "
        f"tell are {', '.join(READERS)}"
    )


def endings(backend: object) -> list[str]:
    """Return the endings that a built-in backend reads, the usual one first; of others none.

    >>> endings("openvino")
    ['.onnx', '.xml']
    """
    return [ending for ending, readers in READERS.items() if backend in readers]


def model_file(source: object, suffixes: tuple[str, ...], backend: str) -> Path:
    """Return the model file that `source` names.

    Args:
        source: A path.
        suffixes: The endings that the backend reads.
        backend: For the message.

    Raises:
        UsageError: It is no path, or there is no such file, or its ending says it is another
            kind of model.
    """
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            f"{backend} loads a file ({', '.join(suffixes)}), got {type(source).__name__}"
        )
    path = Path(source)
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{backend} loads {', '.join(suffixes)} files, got {path}")
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*") if each.suffix.lower() in suffixes]
        near = get_close_matches(path.name, beside, n=1)
        hint = f"; close to it: {near[0]}" if near else ""
        raise UsageError(f"there is no file {path}{hint}")
    return path


def choice(value: object, accepted: Iterable[str], what: str) -> None:
    """Refuse a word that is not among the accepted ones.

    Raises:
        UsageError: It is not.
    """
    accepted = list(accepted)
    if value not in accepted:
        raise UsageError(f"{what} is one of {', '.join(accepted)}; got {value!r}")
