"""ONNX files, read without their weights where these lie apart."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from latprof.errors import MissingDependencyError, ModelFormatError

__all__ = ["load_onnx"]


def load_onnx(path: str | os.PathLike[str], feature: str) -> Any:
    """Return the `onnx.ModelProto` of a file; weights in files beside it stay there.

    Args:
        path: The file.
        feature: What needs it, for the message where onnx is missing.

    Raises:
        MissingDependencyError: onnx is not installed.
        ModelFormatError: There is no such file, or it is no ONNX model.
    """
    path = Path(path)
    try:
        import onnx

        damaged = importlib.import_module("google.protobuf.message").DecodeError
    except ImportError as error:
        raise MissingDependencyError(feature, "onnx", "onnx") from error
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise ModelFormatError(path, f"cannot be read ({error.strerror or error})") from error
    except (damaged, ValueError) as error:
        raise ModelFormatError(path, f"is no ONNX model: {' '.join(str(error).split())}") from error
    if not model.graph.node:
        raise ModelFormatError(path, "is no ONNX model: it holds no node")
    return model
