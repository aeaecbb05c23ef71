"""What trtexec writes: layer times (`--exportProfile`), layers (`--exportLayerInfo`), query times.

Source: sampleReporting.cpp and sampleInference.cpp of the TensorRT repository, files written by
release 8, and the inspector's changes in release 11 (`Format` and `Datatype` apart, metadata).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from latprof.analysis.ops.files import decode
from latprof.analysis.ops.operator import Operator, Profile, Tensor, dtype_of
from latprof.errors import RunFormatError
from latprof.units import count_text, counted_text

__all__ = ["join", "layers_of", "median_compute_ns", "origins_of", "times_of"]

_NS_PER_MS = 1e6
_LARGEST_MS = 1e9
_FEW_RUNS = 5
_MOST_RUNS = 1 << 40
_COPY_FOR = re.compile(r"^Reformatting CopyNode for (?:Input|Output) Tensor \d+ to (.+)$")
_FOREIGN = re.compile(r"^\{?ForeignNode\[(.+)\]\}?$")
_ONNX_LAYER = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_DTYPE_IN_FORMAT = re.compile(r"\b(BF16|FP\d+|U?INT\d+|BOOL|Half|Float)\b", re.IGNORECASE)

Layer = dict[str, Any]


class _Time(msgspec.Struct, gc=False):
    name: str | None = None
    count: int | None = None
    averageMs: float | None = None  # noqa: N815 - trtexec's own word
    timeMs: float | None = None  # noqa: N815 - trtexec's own word


class _Query(msgspec.Struct, gc=False):
    computeMs: float  # noqa: N815 - trtexec's own word


class _Graph(msgspec.Struct):
    Layers: list[Layer | str]


class Times(msgspec.Struct):
    """Layer times in the order of the file.

    Attributes:
        names: One per layer; a name may come twice.
        time_ns: Mean over the runs.
        runs: Runs over which trtexec summed.
    """

    names: list[str]
    time_ns: list[float]
    runs: int


def times_of(path: Path, data: bytes | bytearray) -> Times:
    """Return the layer times of a `--exportProfile` file.

    Raises:
        RunFormatError: It is damaged, or a layer has no time.
    """
    head, *rows = decode(path, data, list[_Time])
    runs = head.count or 0
    if not 0 < runs <= _MOST_RUNS or not rows:
        raise RunFormatError(path, "holds no layer times: was trtexec run with --dumpProfile?")
    return Times([row.name or "" for row in rows], [_mean(path, row, runs) for row in rows], runs)


def _mean(path: Path, row: _Time, runs: int) -> float:
    mean_ms = row.averageMs
    if mean_ms is None and row.timeMs is not None:
        mean_ms = row.timeMs / runs
    if mean_ms is None or not 0 <= mean_ms <= _LARGEST_MS:
        raise RunFormatError(path, f"layer {row.name!r} has no time: the file is damaged")
    return mean_ms * _NS_PER_MS


def median_compute_ns(path: Path, data: bytes | bytearray) -> tuple[float, int]:
    """Return the median GPU compute time and the number of queries of an `--exportTimes` file.

    Raises:
        RunFormatError: It is damaged, or holds no query.
    """
    values = np.array([query.computeMs for query in decode(path, data, list[_Query])])
    if not values.size or not np.all((values >= 0) & (values <= _LARGEST_MS)):
        raise RunFormatError(path, "holds no compute times: the file is damaged")
    return float(np.median(values)) * _NS_PER_MS, values.size


def layers_of(path: Path, data: bytes | bytearray) -> list[Layer]:
    """Return the layers of an engine; with names only where the engine was built without details.

    Raises:
        RunFormatError: It is damaged, or holds no layer.
    """
    layers = decode(path, data, _Graph).Layers
    if not layers:
        raise RunFormatError(path, "holds no layer: build with --profilingVerbosity=detailed")
    return [{"Name": layer} if isinstance(layer, str) else layer for layer in layers]


def join(
    times: Times | None, layers: list[Layer] | None, median_ns: float | None, queries: int
) -> Profile:
    """Join what there is of one engine; times and layers meet by name and occurrence."""
    rows = layers or []
    if times is not None:
        known = dict(_numbered(rows))
        keys = [key for key, _ in _numbered([{"Name": name} for name in times.names])]
        rows = [known.get(key, {"Name": key[0]}) for key in keys]
    means = [None] * len(rows) if times is None else times.time_ns
    runs = 0 if times is None else times.runs
    operators = [_operator(row, mean, runs) for row, mean in zip(rows, means, strict=True)]
    notes = tuple(_notes(times, layers, median_ns, queries))
    return Profile("tensorrt", tuple(operators), runs, runs, median_ns, notes=notes)


def _notes(
    times: Times | None, layers: list[Layer] | None, median_ns: float | None, queries: int
) -> Iterator[str]:
    if layers is None:
        yield "no layer information: types, shapes and kernels are unknown"
    elif times is None:
        yield "no layer times"
    elif unknown := _unknown(times, layers):
        yield f"the layer information does not know {counted_text(unknown, 'layer')} of the profile"
    if times is not None and times.runs < _FEW_RUNS:
        yield f"times of {counted_text(times.runs, 'run')}: profile more for stable ones"
    if median_ns:
        yield f"the run is the median of {count_text(queries)} queries without the profiler"
    if median_ns and times is not None:
        ratio = sum(times.time_ns) / median_ns
        yield f"layers add up to {ratio:.2f} of it"


def _unknown(times: Times, layers: list[Layer]) -> int:
    known = Counter(_text(layer, "Name") for layer in layers)
    return (Counter(times.names) - known).total()


def _numbered(layers: list[Layer]) -> Iterator[tuple[tuple[str, int], Layer]]:
    seen: Counter[str] = Counter()
    for layer in layers:
        name = _text(layer, "Name")
        yield (name, seen[name]), layer
        seen[name] += 1


def _operator(layer: Layer, time_ns: float | None, runs: int) -> Operator:
    name = _text(layer, "Name")
    return Operator(
        name=name,
        op_type=_text(layer, "ParameterType") or _text(layer, "LayerType"),
        time_ns=time_ns,
        count=runs,
        inputs=_tensors(layer.get("Inputs")),
        outputs=_tensors(layer.get("Outputs")),
        weights=tuple(_weights(layer)),
        bytes=0 if _text(layer, "LayerType") == "NoOp" else None,
        provider="TensorRT",
        device="gpu",
        kernel=_text(layer, "TacticName") or None,
        origins=origins_of(name, _text(layer, "Metadata")),
    )


def _text(layer: Layer, key: str) -> str:
    value = layer.get(key)
    return value if isinstance(value, str) else ""


def _tensors(listed: object) -> tuple[Tensor, ...]:
    entries = listed if isinstance(listed, list) else []
    return tuple(_tensor(entry) for entry in entries if isinstance(entry, dict))


def _tensor(entry: Layer) -> Tensor:
    layout = _text(entry, "Format/Datatype") or _text(entry, "Format")
    dtype = dtype_of(_text(entry, "Datatype") or _text(entry, "DataType"))
    if dtype is None and (spelled := _DTYPE_IN_FORMAT.search(layout)):
        dtype = dtype_of(spelled.group(1))
    return Tensor(dtype, _shape(entry.get("Dimensions")), layout or None)


def _shape(dimensions: object) -> tuple[int, ...]:
    sizes = dimensions if isinstance(dimensions, list) else []
    return tuple(size if isinstance(size, int) else -1 for size in sizes)


def _weights(layer: Layer) -> Iterator[Tensor]:
    for key in ("Weights", "Bias"):
        entry = layer.get(key)
        if isinstance(entry, dict) and isinstance(entry.get("Count"), int) and entry["Count"] > 0:
            yield Tensor(dtype_of(_text(entry, "Type")), (entry["Count"],))


def origins_of(name: str, metadata: str = "") -> tuple[str, ...]:
    """Return the nodes of the original model that a layer stands for.

    A reformat copy belongs to the layer that it serves; `{ForeignNode[a...b]}` stays a range,
    written `a...b`, because the file does not list what is between.

    >>> origins_of("Reformatting CopyNode for Input Tensor 0 to Conv_5 + Add_6 + Relu_7")
    ('Conv_5', 'Add_6', 'Relu_7')
    """
    if found := _ONNX_LAYER.findall(metadata):
        return tuple(dict.fromkeys(found))
    served = _COPY_FOR.match(name)
    body = served.group(1) if served else name
    parts = [_FOREIGN.sub(r"\1", part.strip()) for part in body.split(" + ")]
    return tuple(part for part in dict.fromkeys(parts) if part)
