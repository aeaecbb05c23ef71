"""Which format a file has, told from what is in it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

import msgspec

from latprof.analysis.ops.files import decode
from latprof.errors import RunFormatError

__all__ = ["Format", "sniff"]

_HEAD_BYTES = 1 << 16
_ABSENT = msgspec.Raw()
_KNOWN = (
    "onnxruntime profiles, trtexec's profile, times and layer JSON, torch.profiler traces, "
    "and OpenVINO counters"
)


class Format(StrEnum):
    """A format that `read_ops` reads."""

    ONNXRUNTIME = "onnxruntime profile"
    TORCH = "torch trace"
    TENSORRT_TIMES = "tensorrt profile"
    TENSORRT_LAYERS = "tensorrt graph"
    TENSORRT_QUERIES = "tensorrt timing"
    OPENVINO_JSON = "openvino counters"
    OPENVINO_CSV = "openvino counters as a table"


class _Document(msgspec.Struct):
    """The keys that tell documents apart, skipped over rather than read."""

    trace: msgspec.Raw = msgspec.field(name="traceEvents", default=_ABSENT)
    layers: msgspec.Raw = msgspec.field(name="Layers", default=_ABSENT)
    detailed: msgspec.Raw = msgspec.field(name="detailed_performance", default=_ABSENT)
    average: msgspec.Raw = msgspec.field(name="avg_performance", default=_ABSENT)


def sniff(path: Path, data: bytes | bytearray) -> Format:
    """Return the format of a file's bytes.

    Raises:
        RunFormatError: It is damaged, or in no format that is read here.
    """
    head = bytes(data[:_HEAD_BYTES]).decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if head.startswith("{"):
        # The one that can be large shows itself early: it need not be scanned for its keys.
        trace = '"traceEvents"' in head
        found = Format.TORCH if trace else _of_document(decode(path, data, _Document))
    elif head.startswith("["):
        found = _of_first(_first(path, head[1:].lstrip()))
    else:
        found = Format.OPENVINO_CSV if "layerName" in head else None
    if found is None:
        raise RunFormatError(path, f"is in no format that is read here: {_KNOWN}")
    return found


def _of_document(document: _Document) -> Format | None:
    if document.trace is not _ABSENT:
        return Format.TORCH
    if document.layers is not _ABSENT:
        return Format.TENSORRT_LAYERS
    if document.detailed is not _ABSENT or document.average is not _ABSENT:
        return Format.OPENVINO_JSON
    return None


def _first(path: Path, text: str) -> dict[str, object]:
    """Return the first element of an array without reading the rest."""
    try:
        element, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise RunFormatError(path, f"is damaged or torn off: {error}") from error
    return element if isinstance(element, dict) else {}


def _of_first(element: dict[str, object]) -> Format | None:
    if "computeMs" in element:
        return Format.TENSORRT_QUERIES
    if "count" in element and "ph" not in element:
        return Format.TENSORRT_TIMES
    if element.get("cat") in ("Session", "Node", "Api", "Kernel"):
        return Format.ONNXRUNTIME
    return Format.TORCH if "ph" in element else None
