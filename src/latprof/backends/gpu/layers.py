"""Times of an engine's layers, from a pass of its own. Not yet run on a GPU.

TensorRT's profiler slows what it watches, and layers that it fused into one stay one. So times are
reported as they come, beside the time of the same computation without it.
"""

from __future__ import annotations

import functools
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from latprof.backends.gpu.execution import Execution
from latprof.backends.gpu.journal import failure
from latprof.backends.profiling import Profiling
from latprof.backends.runtime import one_line
from latprof.errors import InferenceError

__all__ = ["EngineProfiling", "LayerTime", "LayerTimes", "Watch"]


@dataclass(frozen=True, slots=True)
class LayerTime:
    """The time of a layer.

    Attributes:
        position: In the order of execution; a name may come twice.
        name: As TensorRT names it: of the nodes that it fused, or of a copy that it added.
        time_ns: Median over the runs.
    """

    position: int
    name: str
    time_ns: float


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """The times of an engine's layers, as the profiler reported them: nothing is scaled.

    Attributes:
        layers: In the order of execution.
        runs: With the profiler, and as many without.
        forward_ns: Median time of the computation without the profiler, between two events.
        ratio: Sum of the layers' times over `forward_ns`. Above 1 shows what the profiler costs,
            or layers that ran beside each other; below 1, time between layers.
    """

    layers: tuple[LayerTime, ...]
    runs: int
    forward_ns: float
    ratio: float


class Watch:
    """An execution whose layers are timed.

    Args:
        trt: The imported `tensorrt`.
        execution: Of its own: a context with a profiler is a slower one.
    """

    def __init__(self, trt: Any, execution: Execution) -> None:
        self._trt, self.execution = trt, execution
        self._times = _kind(trt)()
        execution.context.profiler = self._times
        execution.context.enqueue_emits_profile = False  # else each enqueue would wait

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[tuple[str, float]]:
        """Run once; return name and milliseconds of each layer.

        Raises:
            InferenceError: TensorRT refuses, or reports what is no time.
        """
        self._times.clear()
        self.execution.put(inputs)
        self.execution.enqueue()
        self.execution.wait()
        if not self.execution.context.report_to_profiler() or self._times.problem:
            raise failure(self._trt, "reports no layer times", self._times.problem)
        return list(self._times.rows)

    def layers(self, plain: Execution, inputs: Mapping[str, NDArray[Any]], runs: int) -> LayerTimes:
        """Return the times of the layers, and of as many runs of `plain` that take turns with them.

        Raises:
            InferenceError: TensorRT refuses, or its layers are not the same in each run.
        """
        plain.put(inputs)
        plain.timed_ns()  # neither's first time counts
        self.run(inputs)
        pairs = [(self.run(inputs), plain.timed_ns()) for _ in range(runs)]
        rows, forward_ns = [row for row, _ in pairs], statistics.median(ns for _, ns in pairs)
        names = [name for name, _ in rows[0]]
        if not names or any([name for name, _ in row] != names for row in rows):
            raise InferenceError("TensorRT reports no layers, or other ones from run to run")
        medians_ns = [
            1e6 * statistics.median(ms for _, ms in each) for each in zip(*rows, strict=True)
        ]
        layers = tuple(map(LayerTime, range(len(names)), names, medians_ns))
        return LayerTimes(layers, runs, forward_ns, sum(medians_ns) / max(forward_ns, 1.0))


class EngineProfiling(Profiling):
    """Runs with layer times, written in the formats of trtexec.

    Args:
        trt: The imported `tensorrt`.
        engine: The engine.
        watch: Of an execution of its own.
        folder: Where the files go.
    """

    def __init__(self, trt: Any, engine: Any, watch: Watch, folder: Path) -> None:
        self._trt, self._engine, self._watch, self._folder = trt, engine, watch, folder
        self._runs: list[list[tuple[str, float]]] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run once, by all three stages, and take the times of its layers."""
        self._runs.append(self._watch.run(inputs))
        fetched = self._watch.execution.fetch()
        self._watch.execution.wait()
        self._watch.execution.arrays(fetched)

    def finish(self) -> tuple[Path, ...]:
        """Write what `--exportProfile` and `--exportLayerInfo` write."""
        inspector = self._engine.create_engine_inspector()
        inspector.execution_context = self._watch.execution.context  # it knows the shapes
        graph = inspector.get_engine_information(self._trt.LayerInformationFormat.JSON)
        files = self._folder / "profile.json", self._folder / "graph.json"
        files[0].write_text(json.dumps(self._profile()), encoding="utf-8")
        files[1].write_text(graph, encoding="utf-8")
        return files

    def _profile(self) -> list[dict[str, Any]]:
        names = [name for name, _ in self._runs[-1]]
        alike = [run for run in self._runs if [name for name, _ in run] == names]
        sums_ms = [sum(ms for _, ms in each) for each in zip(*alike, strict=True)]
        rows = [
            {"name": name, "timeMs": ms, "averageMs": ms / len(alike)}
            for name, ms in zip(names, sums_ms, strict=True)
        ]
        return [{"count": len(alike)}, *rows]


@functools.cache
def _kind(trt: Any) -> Any:
    class Times(trt.IProfiler):  # type: ignore[misc]  # its package has no types
        """Keeps what is reported. What is raised here would get lost: `problem` keeps it."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.clear()

        def clear(self) -> None:
            """Forget all."""
            self.rows: list[tuple[str, float]] = []
            self.problem = ""

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            """Take the time of one layer."""
            try:
                self.rows.append((str(layer_name), float(ms)))
            except Exception as error:  # noqa: BLE001 - told by whoever asked for the times
                self.problem = one_line(error)

    return Times
