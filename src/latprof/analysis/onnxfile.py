"""ONNX files, read without their weights where these lie apart."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
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
    if not all(isinstance(name, str) for name in _names(model.graph)):
        raise ModelFormatError(path, "is damaged: it holds names that are no text")
    return model


def _names(graph: Any) -> Iterator[object]:
    """Yield all names of a graph; what is no UTF-8 comes as bytes."""
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (each.name for each in node.attribute)
    for named in (graph.initializer, graph.input, graph.output, graph.value_info):
        yield from (each.name for each in named)
