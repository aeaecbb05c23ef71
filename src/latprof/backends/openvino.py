"""ONNX and OpenVINO models on OpenVINO's CPU plugin, in f32 unless asked otherwise.

Left alone, OpenVINO chooses bf16 on a CPU that has instructions for it: answers move, and on a CPU
without the matrix unit it is slower as well. So the precision is always asked for, and reported.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.backends.model import Model, TensorSpec
from latprof.backends.profiling import Profiling
from latprof.backends.runtime import Devices, Runtime, one_line
from latprof.backends.source import choice, model_file
from latprof.errors import BackendUnavailable, ModelFormatError, UsageError

__all__ = ["CompiledModel", "load", "status"]

NAME = "openvino"
PRECISIONS = ("f32", "bf16", "f16")
_FACTS = ("originalLayersNames", "outputPrecisions", "outputLayouts", "layerType")
HINTS = ("latency", "throughput")


class CompiledModel(Model):
    """A compiled model on the CPU; each thread that calls it gets an inference request of its own.

    Attributes:
        compiled: OpenVINO's own model; None once closed.

    Args:
        openvino: The imported package.
        compiled: OpenVINO's compiled model.
        file: Where it came from.
        asked: What was asked for, for `describe`.
    """

    backend = NAME

    def __init__(self, openvino: Any, compiled: Any, file: Path, asked: Mapping[str, str]) -> None:
        super().__init__(_spec(port, file) for port in compiled.inputs)
        self._openvino, self.compiled, self._file = openvino, compiled, file
        self._outputs = [_name(port, index) for index, port in enumerate(compiled.outputs)]
        self._local, self._asked = threading.local(), asked
        self._description = self._described(asked)

    def forward(self, inputs: Any) -> Any:
        """Infer: inputs are shared with the runtime, outputs are copied out of it."""
        results = self._request().infer(inputs, share_inputs=True).values()
        return dict(zip(self._outputs, results, strict=True))

    def _request(self) -> Any:
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self.compiled.create_infer_request()
        return request

    def counters(self) -> list[dict[str, str]]:
        """Return what the last call of this thread took, by node, in the words of benchmark_app.

        All are 0 unless the model was compiled with `PERF_COUNT`.
        """
        return [_counter(info) for info in self._request().profiling_info]

    def nodes(self) -> list[dict[str, Any]]:
        """Return what the graph that is executed says of each node, in OpenVINO's own words.

        Its shapes are those of the last call.
        """
        return [_node(node) for node in self.compiled.get_runtime_model().get_ordered_ops()]

    def profiling(self, folder: Path) -> OpenVinoProfiling:
        """Return the model compiled once more, with counters."""
        counting = {**self._asked, "PERF_COUNT": "YES", "NUM_STREAMS": "1"}  # each counts apart
        compiled = _compiled(self._openvino, self._file, counting)
        twin = CompiledModel(self._openvino, compiled, self._file, self._asked)
        return OpenVinoProfiling(twin, folder)

    def describe(self) -> dict[str, Any]:
        """Return version, device, threads, streams and precision, asked and actual."""
        return dict(self._description)

    def close(self) -> None:
        """Let go of the compiled model and of the requests made for it."""
        super().close()
        self.compiled, self._local = None, threading.local()

    def _described(self, asked: Mapping[str, str]) -> dict[str, Any]:
        actual = self.compiled.get_property
        return {
            "backend": self.backend,
            "version": self._openvino.__version__,
            "model": str(self._file),
            "device": "cpu",
            "stages": list(self.stages),
            "threads": {"intra": int(actual("INFERENCE_NUM_THREADS"))},
            "streams": int(actual("NUM_STREAMS")),
            "precision": actual("INFERENCE_PRECISION_HINT").to_string(),
            "execution_devices": list(actual("EXECUTION_DEVICES")),
            "asked": dict(asked),
        }


class OpenVinoProfiling(Profiling):
    """Runs of a model with counters, kept as benchmark_app's detailed report keeps them.

    OpenVINO tells no single run: its counters are means over all runs since the model was compiled.
    The first run, many times as long, is taken out of them here.

    The report holds besides, under `execution_graph`, which nodes of the model each layer stands
    for, and their shapes: benchmark_app writes these into a file apart.

    Args:
        model: Compiled with `PERF_COUNT`.
        folder: Where the report goes.
    """

    def __init__(self, model: CompiledModel, folder: Path) -> None:
        self._model, self._file = model, folder / "counters.json"
        self._runs = 0
        self._first: list[dict[str, str]] = []
        self._last: list[dict[str, str]] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Infer once."""
        self._model(inputs)

    def keep(self) -> None:
        """Keep the counters after the first run and after the last."""
        self._runs += 1
        self._last = self._model.counters()
        self._first = self._first or self._last

    def finish(self) -> tuple[Path, ...]:
        """Write the report and let go of the model."""
        report = {
            "report_type": "detailed",
            "detailed_performance": [{"nodes": self._later()}] * max(1, self._runs - 1),
            "execution_graph": self._model.nodes(),
        }
        self._file.write_text(json.dumps(report), encoding="utf-8")
        self._model.close()
        return (self._file,)

    def _later(self) -> list[dict[str, str]]:
        """Return the mean counters of the runs after the first."""
        if self._runs < 2:
            return self._last
        first_ms = {node["name"]: float(node["real_time"]) for node in self._first}
        return [
            {**node, "real_time": f"{self._without(node, first_ms.get(node['name'], 0.0)):.6f}"}
            for node in self._last
        ]

    def _without(self, node: Mapping[str, str], first_ms: float) -> float:
        total_ms = self._runs * float(node["real_time"])
        return max(0.0, total_ms - first_ms) / (self._runs - 1)


def _counter(info: Any) -> dict[str, str]:
    return {
        "name": info.node_name,
        "node_type": info.node_type,
        "status": str(info.status),
        "real_time": f"{info.real_time.total_seconds() * 1e3:.3f}",
        "exec_type": info.exec_type,
    }


def _node(node: Any) -> dict[str, Any]:
    facts = node.get_rt_info()
    words = {key: facts[key].astype(str) for key in _FACTS if key in facts}
    sources = [port.get_source_output() for port in node.inputs()]
    return {
        "name": node.get_friendly_name(),
        **words,
        "inputs": [[each.get_node().get_friendly_name(), each.get_index()] for each in sources],
        "outputs": [_sizes(port.get_partial_shape()) for port in node.outputs()],
    }


def _sizes(shape: Any) -> list[int]:
    """Return the sizes of a shape, -1 for one that may vary; a shape of any rank has none."""
    if shape.rank.is_dynamic:
        return [-1]
    return [-1 if size.is_dynamic else size.get_length() for size in shape]


def _devices(openvino: Any) -> Devices:
    found = openvino.Core().available_devices
    return {"cpu": None if "CPU" in found else "OpenVINO finds no CPU plugin"}


_RUNTIME = Runtime(NAME, "openvino", "openvino", _devices)
status = _RUNTIME.status


def load(
    source: Any,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    hint: str = "latency",
    streams: int | None = None,
) -> CompiledModel:
    """Load a model file.

    Args:
        source: An `.onnx` file, or an `.xml` file with its `.bin` beside it.
        device: "cpu".
        threads: Threads of one inference; None for OpenVINO's choice.
        precision: "f32", "bf16" or "f16"; None means f32.
        hint: What OpenVINO tunes for: "latency" or "throughput".
        streams: Inferences that run side by side; None for OpenVINO's choice.

    Raises:
        UsageError: A value is not accepted, or there is no such file.
        MissingDependencyError: openvino is not installed.
        BackendUnavailable: OpenVINO cannot do here what is asked.
        ModelFormatError: It is not a model that OpenVINO can load.
    """
    choice(hint, HINTS, "hint")
    choice(precision or "f32", PRECISIONS, "precision")
    if streams is not None and (not isinstance(streams, int) or streams < 1):
        raise UsageError(f"streams is a whole number of at least 1, or None; got {streams!r}")
    file = model_file(source, (".onnx", ".xml"), NAME)
    openvino = _RUNTIME.load()
    _RUNTIME.require_device(openvino, device)
    asked = {"INFERENCE_PRECISION_HINT": precision or "f32", "PERFORMANCE_HINT": hint.upper()}
    if threads is not None:
        asked["INFERENCE_NUM_THREADS"] = str(threads)
    if streams is not None:
        asked["NUM_STREAMS"] = str(streams)
    return CompiledModel(openvino, _compiled(openvino, file, asked), file, asked)


def _compiled(openvino: Any, file: Path, asked: Mapping[str, str]) -> Any:
    core = openvino.Core()
    try:
        model = core.read_model(file)
    except Exception as error:
        raise ModelFormatError(file, f"openvino cannot read it: {one_line(error)}") from error
    try:
        return core.compile_model(model, "CPU", dict(asked))
    except Exception as error:
        raise BackendUnavailable(f"openvino cannot compile {file}: {one_line(error)}") from error


def _spec(port: Any, file: Path) -> TensorSpec:
    name = _name(port, 0)
    try:
        dtype = np.dtype(port.element_type.to_dtype())
    except Exception as error:
        kind = port.element_type.get_type_name()
        raise ModelFormatError(
            file, f"its input {name!r} is {kind}, which numpy arrays cannot give"
        ) from error
    shape = port.partial_shape
    if shape.rank.is_dynamic:
        return TensorSpec(name, dtype)
    sizes = tuple(None if each.is_dynamic else each.get_length() for each in shape)
    return TensorSpec(name, dtype, sizes)


def _name(port: Any, index: int) -> str:
    """Return a port's name; OpenVINO allows ports without one."""
    return str(port.any_name) if port.names else f"output_{index}"
