"""OpenVINO's performance counters: reports of benchmark_app, and the live API's objects.

Source: benchmark_app's statistics_report.py (release 2026.4); a report holds milliseconds as text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from latprof.analysis.ops.files import decode
from latprof.analysis.ops.operator import Operator, Profile, Tensor, dtype_of
from latprof.errors import RunFormatError
from latprof.units import counted_text

__all__ = ["ProfilingInfo", "from_infos", "read_csv", "read_json"]

_NS_PER_MS = 1e6
_LARGEST_MS = 1e9
_EXECUTED = "EXECUTED"
_PRECISIONS = {
    "f32": "fp32",
    "f16": "fp16",
    "i8": "int8",
    "u8": "uint8",
    "i32": "int32",
    "i64": "int64",
    "boolean": "bool",
}
_MEANS = "OpenVINO tells means since the model was compiled, in whole microseconds"
_CSV_COLUMNS = ("layerName", "execStatus", "layerType", "execType", "realTime (ms)")


class ProfilingInfo(Protocol):
    """One entry of `openvino.InferRequest.profiling_info`."""

    node_name: str
    node_type: str
    exec_type: str
    real_time: timedelta
    status: object


@dataclass(frozen=True, slots=True)
class _Counter:
    name: str
    node_type: str
    exec_type: str
    status: str
    time_ns: float


class _Node(msgspec.Struct):
    name: str
    real_time: str | float
    node_type: str = ""
    status: str = ""
    exec_type: str = ""


class _Request(msgspec.Struct):
    nodes: list[_Node]


class _GraphNode(msgspec.Struct):
    """A layer of the graph that is executed, in OpenVINO's words."""

    name: str
    originalLayersNames: str = ""  # noqa: N815 - OpenVINO's own word
    outputPrecisions: str = ""  # noqa: N815 - OpenVINO's own word
    outputLayouts: str = ""  # noqa: N815 - OpenVINO's own word
    inputs: list[tuple[str, int]] = []
    outputs: list[list[int]] = []


class _Report(msgspec.Struct):
    detailed_performance: list[_Request] = []
    avg_performance: _Request | None = None
    execution_graph: list[_GraphNode] = []


class _Graph:
    """What the executed graph says of its layers; nothing, where the report has none."""

    def __init__(self, nodes: Iterable[_GraphNode] = ()) -> None:
        self._nodes = {node.name: node for node in nodes}

    def origins(self, name: str) -> tuple[str, ...]:
        node = self._nodes.get(name)
        names = node.originalLayersNames.split(",") if node else []
        return tuple(filter(None, names)) or (name,)

    def outputs(self, name: str) -> tuple[Tensor, ...]:
        node = self._nodes.get(name)
        if node is None:
            return ()
        types, layouts = node.outputPrecisions.split(","), node.outputLayouts.split(",")
        return tuple(
            Tensor(dtype_of(_PRECISIONS.get(dtype, dtype)), tuple(shape), layout)
            for shape, dtype, layout in zip(node.outputs, types, layouts, strict=False)
        )

    def inputs(self, name: str) -> tuple[Tensor, ...]:
        """Return what the layers before it write; their weights are constants among them."""
        node = self._nodes.get(name)
        sources = node.inputs if node else []
        found = (self.outputs(source)[port:][:1] for source, port in sources)
        return tuple(tensor for tensors in found for tensor in tensors)


def from_infos(requests: Iterable[Sequence[ProfilingInfo]]) -> Profile:
    """Return the profile of infer requests, each with its counters."""
    return _profile([[_of_info(info) for info in infos] for infos in requests])


def _of_info(info: ProfilingInfo) -> _Counter:
    time_ns = float(info.real_time // timedelta(microseconds=1)) * 1000
    return _Counter(info.node_name, info.node_type, info.exec_type, str(info.status), time_ns)


def read_json(path: Path, data: bytes | bytearray) -> Profile:
    """Return the profile of a JSON report (`-report_type detailed_counters -json_stats`).

    Raises:
        RunFormatError: It is damaged, or holds no counter.
    """
    report = decode(path, data, _Report)
    averages = [] if report.avg_performance is None else [report.avg_performance]
    requests = report.detailed_performance or averages
    notes = []
    if averages and len(averages[0].nodes) == 1:
        notes.append(
            "one layer only: benchmark_app's average JSON leaves out the others; "
            "use -report_type detailed_counters"
        )
    found = [[_of_node(path, node) for node in request.nodes] for request in requests]
    return _checked(path, _profile(found, notes, _Graph(report.execution_graph)))


def _of_node(path: Path, node: _Node) -> _Counter:
    time_ns = _nanoseconds(path, node.real_time)
    return _Counter(node.name, node.node_type, node.exec_type, node.status, time_ns)


def _nanoseconds(path: Path, value_ms: str | float) -> float:
    try:
        value = float(value_ms)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _LARGEST_MS:
        raise RunFormatError(path, f"{value_ms!r} is no time in milliseconds")
    return value * _NS_PER_MS


def read_csv(path: Path, data: bytes | bytearray) -> Profile:
    """Return the profile of a CSV report, detailed, average or sorted; each head begins a request.

    Raises:
        RunFormatError: It is no text, a row is damaged, or it holds no counter.
    """
    try:
        text = data.decode("utf-8-sig")
        separator = ";" if ";" in text.partition("\n")[0] else ","
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunFormatError(path, f"is no table of counters: {error}") from error
    return _checked(path, _profile(_requests(path, rows)))


def _requests(path: Path, rows: Iterable[list[str]]) -> list[list[_Counter]]:
    requests: list[list[_Counter]] = []
    place: dict[str, int] = {}
    for row in rows:
        cells = [cell.strip() for cell in row]
        if cells and cells[0] == "layerName":
            place = _places(path, cells)
            requests.append([])
        elif requests and len(cells) >= len(_CSV_COLUMNS) and cells[0] != "Total":
            requests[-1].append(_of_row(path, cells, place))
    return requests


def _places(path: Path, head: list[str]) -> dict[str, int]:
    if missing := [name for name in _CSV_COLUMNS if name not in head]:
        raise RunFormatError(path, f"has no column {missing[0]!r}")
    return {name: head.index(name) for name in _CSV_COLUMNS}


def _of_row(path: Path, cells: list[str], place: Mapping[str, int]) -> _Counter:
    if len(cells) <= max(place.values()):
        raise RunFormatError(path, f"the row of {cells[0]!r} is torn off")
    name, status, node_type, exec_type, time_ms = (cells[place[key]] for key in _CSV_COLUMNS)
    return _Counter(name, node_type, exec_type, status, _nanoseconds(path, time_ms))


def _checked(path: Path, profile: Profile) -> Profile:
    if not profile.operators:
        raise RunFormatError(
            path,
            "holds no executed layer (benchmark_app's average JSON has the first layer only): "
            "use -report_type detailed_counters",
        )
    return profile


def _profile(
    requests: Sequence[Sequence[_Counter]], notes: Sequence[str] = (), graph: _Graph | None = None
) -> Profile:
    gathered: dict[tuple[str, str], list[_Counter]] = {}
    skipped = set()
    for counter in (counter for request in requests for counter in request):
        key = counter.name, counter.node_type
        if counter.status.rpartition(".")[2] == _EXECUTED:
            gathered.setdefault(key, []).append(counter)
        else:
            skipped.add(key)
    skipped -= gathered.keys()
    left_out = f"{counted_text(len(skipped), 'layer')} not executed (fused or folded) left out"
    return Profile(
        format="openvino",
        operators=tuple(
            _operator(found, len(requests), graph or _Graph()) for found in gathered.values()
        ),
        runs=len(requests),
        runs_seen=len(requests),
        notes=(*notes, _MEANS, *([left_out] if skipped else [])),
    )


def _operator(counters: Sequence[_Counter], runs: int, graph: _Graph) -> Operator:
    first = counters[0]
    dtype = dtype_of(_spelled(first.exec_type))
    return Operator(
        name=first.name,
        op_type=first.node_type,
        time_ns=sum(counter.time_ns for counter in counters) / runs,
        count=len(counters),
        inputs=graph.inputs(first.name),
        outputs=graph.outputs(first.name),
        computes_in=dtype,
        provider="OpenVINO",
        kernel=first.exec_type or None,
        origins=graph.origins(first.name),
    )


def _spelled(exec_type: str) -> str:
    """Return the type at the end of `brgconv_avx512_f32` as others spell it."""
    word = exec_type.lower().rpartition("_")[2]
    return _PRECISIONS.get(word, word)
