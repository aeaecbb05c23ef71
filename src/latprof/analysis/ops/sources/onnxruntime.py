"""ONNX Runtime's profiling JSON (`SessionOptions.enable_profiling`).

Times and instants are microseconds, arguments are strings. A weight that onnxruntime prepacked is
no longer among the inputs and sizes that it writes of a node. Source: onnxruntime's profiler.cc and
sequential_executor.cc, and files written by release 1.31.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from latprof.analysis.ops.files import decode
from latprof.analysis.ops.instants import nanoseconds
from latprof.analysis.ops.nesting import self_times
from latprof.analysis.ops.operator import Operator, Profile, Tensor, dtype_of
from latprof.analysis.ops.runs import Runs, Warmup
from latprof.errors import RunFormatError
from latprof.units import count_text, counted_text

__all__ = ["read"]

_LARGEST_EVENTS = 1_000_000  # onnxruntime drops what comes after, and says so only in its log
_KERNEL_TIME = "_kernel_time"
_ON_CPU = ("CPUExecutionProvider", "XnnpackExecutionProvider", "DnnlExecutionProvider")
_ON_GPU = ("CUDA", "Tensorrt", "NvTensorRTRTX", "ROCM", "MIGraphX", "Dml", "WebGpu")
_NOT_IN_THE_NAME = ("_nchwc", "_nhwc", "/MatMulAddFusion")
_DECIMAL = re.compile(r"[0-9]{1,18}")
_Key = tuple[str, str, str, str]


class _Arguments(msgspec.Struct, gc=False):
    op_name: str = ""
    provider: str = ""
    node_index: str = ""
    activation_size: str = ""
    parameter_size: str = ""
    output_size: str = ""
    parent_name: str = ""
    input_type_shape: msgspec.Raw = msgspec.Raw()
    output_type_shape: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct, gc=False):
    cat: str = ""
    name: str = ""
    tid: int | str = 0
    ts: float = 0.0
    dur: float = 0.0
    args: _Arguments | None = None


@dataclass(slots=True)
class _Node:
    """What is gathered of one node over the runs."""

    arguments: _Arguments
    time_ns: int = 0
    count: int = 0
    kernel_ns: int = 0
    kernels: dict[str, int] = field(default_factory=dict)
    shapes: set[bytes] = field(default_factory=set)


def read(path: Path, data: bytes | bytearray, warmup: Warmup) -> Profile:
    """Return the profile of a session: node times are self times, so that `If` is not its branch.

    Raises:
        RunFormatError: The file is torn off, or holds no node.
    """
    events = [event for event in decode(path, data, list[_Event]) if event.dur >= 0]
    timed = [event for event in events if _is_node(event)]
    if not timed:
        raise RunFormatError(path, "holds no node: was the session run before end_profiling()?")
    runs = _runs(path, events, warmup)
    nodes = _gather(path, timed, runs)
    on_device = _add_kernels(path, nodes, events, runs)
    count = max(runs.count, 1)
    return Profile(
        format="onnxruntime",
        operators=tuple(
            _operator(path, key[0], node, count, on_device=on_device) for key, node in nodes.items()
        ),
        runs=count,
        runs_seen=runs.measured.size,
        run_ns=runs.median_ns if runs.count else None,
        mean_run_ns=runs.mean_ns if runs.count else None,
        notes=(*runs.notes, *_notes(events, nodes, runs)),
    )


def _is_node(event: _Event) -> bool:
    """Tell a node's own time; older releases record waits before and after it beside."""
    fence = event.name.endswith(("_fence_before", "_fence_after"))
    return event.cat == "Node" and event.args is not None and not fence


def _runs(path: Path, events: list[_Event], warmup: Warmup) -> Runs:
    found = [event for event in events if event.cat == "Session" and event.name == "model_run"]
    start_ns = nanoseconds(path, [event.ts for event in found])
    return Runs.told_apart(start_ns, nanoseconds(path, [event.dur for event in found]), warmup)


def _counted(path: Path, events: list[_Event], runs: Runs) -> list[bool]:
    """Tell which events count; without any run in the file (a killed session) all of them do."""
    if not runs.measured.size:
        return [True] * len(events)
    instants = nanoseconds(path, [event.ts for event in events])
    counted: list[bool] = runs.counted(runs.of(instants)).tolist()
    return counted


def _gather(path: Path, timed: list[_Event], runs: Runs) -> dict[_Key, _Node]:
    threads: dict[int | str, int] = {}
    own_ns = self_times(
        nanoseconds(path, [event.ts for event in timed]),
        nanoseconds(path, [event.dur for event in timed]),
        np.array([threads.setdefault(event.tid, len(threads)) for event in timed]),
    ).tolist()
    nodes: dict[_Key, _Node] = {}
    for event, time_ns, counts in zip(timed, own_ns, _counted(path, timed, runs), strict=True):
        if not counts or event.args is None:
            continue
        node = nodes.setdefault(_key(event), _Node(event.args))
        node.time_ns += time_ns
        node.count += 1
        node.shapes.add(bytes(event.args.input_type_shape))
    return nodes


def _key(event: _Event) -> _Key:
    arguments = event.args or _Arguments()
    name = event.name.removesuffix(_KERNEL_TIME)
    unnamed = f"{arguments.op_name}_{arguments.node_index}"
    return name or unnamed, arguments.op_name, arguments.provider, arguments.node_index


def _add_kernels(path: Path, nodes: dict[_Key, _Node], events: list[_Event], runs: Runs) -> bool:
    """Add device times, where onnxruntime was built to take them (CUPTI), to their nodes."""
    kernels = [event for event in events if event.cat == "Kernel" and event.args is not None]
    by_name = {name: node for (name, *_), node in nodes.items()}
    for event, counts in zip(kernels, _counted(path, kernels, runs), strict=True):
        parent = event.args.parent_name if event.args else ""
        node = by_name.get(parent.removesuffix(_KERNEL_TIME))
        if node is not None and counts:
            time_ns = round(event.dur * 1000)
            node.kernel_ns += time_ns
            node.kernels[event.name] = node.kernels.get(event.name, 0) + time_ns
    return bool(kernels)


def _operator(path: Path, name: str, node: _Node, runs: int, *, on_device: bool) -> Operator:
    arguments = node.arguments
    device = _device(arguments.provider)
    time_ns = node.kernel_ns if on_device and device == "gpu" else node.time_ns
    return Operator(
        name=name,
        op_type=arguments.op_name,
        time_ns=time_ns / runs,
        count=node.count,
        inputs=_tensors(path, arguments.input_type_shape),
        outputs=_tensors(path, arguments.output_type_shape),
        bytes=_moved_bytes(arguments),
        provider=arguments.provider or None,
        device=device,
        kernel=max(node.kernels, key=node.kernels.__getitem__, default=None),
        origins=(_origin(name),),
    )


def _device(provider: str) -> str | None:
    if provider in _ON_CPU:
        return "cpu"
    return "gpu" if provider.startswith(_ON_GPU) else None


def _origin(name: str) -> str:
    """Return the name that the node had before onnxruntime fused it or changed its layout."""
    name = name.removeprefix("fused ")
    for suffix in _NOT_IN_THE_NAME:
        name = name.removesuffix(suffix)
    return name


def _tensors(path: Path, raw: msgspec.Raw) -> tuple[Tensor, ...]:
    """Read `[{"float": [4, 256]}, …]`."""
    if not bytes(raw):
        return ()
    listed = decode(path, raw, list[dict[str, list[int]]])
    return tuple(
        Tensor(dtype_of(dtype), tuple(shape)) for entry in listed for dtype, shape in entry.items()
    )


def _moved_bytes(arguments: _Arguments) -> int | None:
    sizes = (arguments.activation_size, arguments.parameter_size, arguments.output_size)
    return sum(map(int, sizes)) if all(_DECIMAL.fullmatch(size) for size in sizes) else None


def _notes(events: list[_Event], nodes: dict[_Key, _Node], runs: Runs) -> list[str]:
    notes = []
    if len(events) >= _LARGEST_EVENTS:
        notes.append(
            f"{count_text(_LARGEST_EVENTS)} events: onnxruntime drops what comes after them"
        )
    if not runs.measured.size:
        notes.append("no model_run in the file: times are totals over an unknown number of runs")
    varying = sum(len(node.shapes) > 1 for node in nodes.values())
    if varying:
        notes.append(f"{counted_text(varying, 'operator')} saw several shapes; the first is shown")
    notes.extend(_device_notes(events, nodes))
    return notes


def _device_notes(events: list[_Event], nodes: dict[_Key, _Node]) -> list[str]:
    on_gpu = sum(_device(node.arguments.provider) == "gpu" for node in nodes.values())
    if not on_gpu:
        return []
    if any(event.cat == "Kernel" for event in events):
        return ["operators on the GPU have the time of their kernels, the others that of the host"]
    shown = counted_text(on_gpu, "operator")
    return [f"{shown} on the GPU with the host's launch time: no kernels were recorded"]
