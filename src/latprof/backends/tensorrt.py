"""ONNX models and ready engines on TensorRT: this has not yet run on a GPU.

What holds it so far: every TensorRT name it uses is looked up in the real bindings of 10.16 and
11.4, and its order of calls runs against a stand-in that computes with ONNX Runtime.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from latprof.backends.gpu.cuda import CudaStream
from latprof.backends.gpu.engine import Profile, Recipe, runtime_engine
from latprof.backends.gpu.execution import Execution
from latprof.backends.gpu.layers import EngineProfiling, LayerTimes, Watch
from latprof.backends.gpu.plans import Plans, key
from latprof.backends.model import Arrays, DeviceModel
from latprof.backends.runtime import Devices, Runtime, nvidia_driver_problem, one_line
from latprof.backends.source import model_file
from latprof.errors import BackendUnavailable, BuildFailed, ModelFormatError, UsageError

__all__ = ["EngineModel", "load", "status"]

NAME = "tensorrt"
ENGINES = (".engine", ".plan")
LAYER_RUNS = 20
Shapes = Mapping[str, Sequence[Sequence[int]]]


class EngineModel(DeviceModel):
    """An engine and one execution context; calls from several threads take turns.

    Stages only issue; `d2h` waits for all three at its end, since it returns arrays. So their own
    times are those of the device's clock. Not yet run on a GPU.

    Args:
        torch: The imported torch.
        trt: The imported `tensorrt`.
        loaded: What `runtime_engine` returned.
        device: The `torch.device`.
        stream: Such as `CudaStream`.
        facts: What `describe` says of the engine's origin.
        cuda_graph: Whether to run by a CUDA graph where one can be captured.
    """

    backend = NAME

    def __init__(
        self,
        torch: Any,
        trt: Any,
        loaded: tuple[Any, Any],
        device: Any,
        stream: Any,
        facts: Mapping[str, Any],
        *,
        cuda_graph: bool = False,
    ) -> None:
        self._torch, self._trt, self._device, self._stream = torch, trt, device, stream
        self._runtime, self._engine = loaded
        self._clock = stream.clock()
        self._execution: Execution | None = self._made(replays=cuda_graph)
        super().__init__(self._execution.inputs)
        self._lock = threading.Lock()
        self._cuda_graph = cuda_graph
        self._description = {
            "backend": NAME,
            "version": trt.__version__,
            "torch": torch.__version__,
            "device": str(device),
            "gpu": stream.gpu,
            "stages": list(self.stages),
            "threads": None,
            **facts,
            "profiles": self._engine.num_optimization_profiles,
            "layers": self._engine.num_layers,
            "aux_streams": self._engine.num_aux_streams,
            "device_memory_bytes": self._engine.device_memory_size_v2,
            "copies": "pinned memory, asynchronous",
            "timing": self._clock.timing,
        }

    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> Execution:
        """Issue the copies of the inputs; a change of shapes is made here."""
        execution = self._open()
        with self._clock.stage():
            execution.put(inputs)
        return execution

    def forward(self, inputs: Any) -> Any:
        """Issue the computation."""
        with self._clock.stage():
            inputs.enqueue()
        return inputs

    def d2h(self, outputs: Any) -> Arrays:
        """Copy the outputs back, and wait for all that was issued."""
        with self._clock.stage():
            fetched = outputs.fetch()
        outputs.wait()
        arrays: Arrays = outputs.arrays(fetched)
        return arrays

    def layers(self, inputs: Mapping[str, NDArray[Any]], runs: int = LAYER_RUNS) -> LayerTimes:
        """Time each layer, in a pass of its own with TensorRT's profiler, in a context of its own.

        Args:
            inputs: As for a call.
            runs: How often, with the profiler and without.

        Returns:
            Times as the profiler reported them, and the ratio of their sum to the plain run.

        Raises:
            UsageError: The inputs do not fit, `runs` is below 1, or the model is closed.
            InferenceError: TensorRT refused or failed.
        """
        if runs < 1:
            raise UsageError(f"runs is at least 1, got {runs}")
        self.check(inputs)
        with self._lock:
            return self._watch().layers(self._open(), inputs, runs)

    def profiling(self, folder: Path) -> EngineProfiling:
        """Return a context of its own, with TensorRT's profiler on."""
        self._open()
        return EngineProfiling(self._trt, self._engine, self._watch(), folder)

    def describe(self) -> dict[str, Any]:
        """Return versions, where the engine is from, its precision, layers, memory, and graph.

        `cuda_graph` tells what was asked, whether calls replay a graph, and if not, why.
        """
        graph = "closed" if self._execution is None else self._execution.graph
        asked = {"asked": self._cuda_graph, "on": graph == "on", "reason": graph}
        return {**self._description, "cuda_graph": asked}

    def close(self) -> None:
        """Let go of context, engine and buffers."""
        super().close()
        with self._lock:
            self._execution = self._engine = self._runtime = None

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        with self._lock, self._clock.call():
            return super()._run(inputs)

    def _made(self, *, replays: bool = False) -> Execution:
        with self._stream.current():  # a context is made on the device that is current
            return Execution(
                self._torch, self._trt, self._engine, self._device, self._stream, replays=replays
            )

    def _watch(self) -> Watch:
        return Watch(self._trt, self._made())

    def _open(self) -> Execution:
        if self._execution is None:
            raise UsageError("the tensorrt model is closed: load it again")
        return self._execution


_TORCH = Runtime(NAME, "torch", "torch", lambda _: {})


def _devices(_trt: Any) -> Devices:
    torch = _TORCH.load()
    if torch.version.cuda is None:
        return {"cuda": f"it works through torch, and {torch.__version__} is built without CUDA"}
    if not torch.cuda.is_available():
        return {"cuda": nvidia_driver_problem() or "torch finds no CUDA device that it can use"}
    return {"cuda": None}


_RUNTIME = Runtime(NAME, "tensorrt", "tensorrt", _devices)
status = _RUNTIME.status


def load(
    source: Any,
    *,
    device: str = "cuda",
    threads: int | None = None,
    precision: str | None = None,
    shapes: Shapes | Sequence[Shapes] | None = None,
    workspace_bytes: int | None = None,
    tf32: bool = True,
    aux_streams: int | None = None,
    timing_cache: str | os.PathLike[str] | None = None,
    engine_cache: str | os.PathLike[str] | None = None,
    cuda_graph: bool = False,
    trust: bool = False,
) -> EngineModel:
    """Build an engine of an ONNX file and load it, or load one that is ready.

    Args:
        source: An `.onnx` file, or an `.engine` or `.plan` file with `trust=True`.
        device: "cuda" or "cuda:1".
        threads: None: the GPU has none to choose.
        precision: None: TensorRT computes in what the file holds.
        shapes: Input to its smallest, most usual and largest shape; needed for inputs that vary.
            For an input that holds a shape, the three are its values. A list of such mappings
            makes a profile of each; a call is run by the first one that holds its shapes.
        workspace_bytes: Scratch memory that kernels may use; None for all there is.
        tf32: Whether float32 matrix products may use TF32, as TensorRT does by default; outputs
            then differ by about 1e-3.
        aux_streams: Streams beside the main one that layers may run on; None for TensorRT's
            choice. With 0, the times of the layers add up.
        timing_cache: A file of kernel timings that makes the next build quick and alike.
        engine_cache: A folder that keeps engines, for this user alone: the next load of the same
            file with the same options on the same GPU and TensorRT does not build.
        cuda_graph: Replay calls as a CUDA graph; where it cannot be captured, `describe()` says
            why, and calls run without.
        trust: Load a ready engine. It holds code that runs as you: say so only of your own.

    Raises:
        UsageError: A value is not accepted, or there is no such file, or it is not trusted.
        MissingDependencyError: tensorrt or torch is not installed.
        BackendUnavailable: There is no usable GPU or driver.
        ModelFormatError: TensorRT cannot parse the model, or load the engine.
        BuildFailed: It can parse it, and cannot build an engine of it.
        StorageError: A cache cannot be written.
    """
    if device.partition(":")[0] != "cuda":
        raise UsageError(f'tensorrt runs on "cuda" or "cuda:1", got {device!r}: say device="cuda"')
    if precision is not None:
        raise UsageError("tensorrt computes in the model's own precision: convert the file")
    if threads is not None:
        raise UsageError("tensorrt has no threads to choose: leave threads out")
    file = model_file(source, (".onnx", *ENGINES), NAME)
    timings = None if timing_cache is None else Path(timing_cache)
    recipe = Recipe(file, _profiles(shapes), workspace_bytes, tf32, aux_streams, timings)
    if file.suffix.lower() in ENGINES:
        _require_trust(recipe, trust=trust)
    plans = None if engine_cache is None else Plans(Path(engine_cache))
    trt, torch = _RUNTIME.load(), _TORCH.load()
    _RUNTIME.require_device(trt, device)
    try:
        place = torch.device(device)
        stream = CudaStream(torch, place)
    except RuntimeError as error:  # there is no device of that number
        raise BackendUnavailable(f"torch cannot use {device!r}: {one_line(error)}") from error
    with stream.current():  # TensorRT builds for the device that is current
        loaded, facts = _loaded(trt, recipe, plans, stream.gpu)
    return EngineModel(torch, trt, loaded, place, stream, facts, cuda_graph=cuda_graph)


def _require_trust(recipe: Recipe, *, trust: bool) -> None:
    if not trust:
        raise UsageError(
            f"{recipe.file} is a ready engine, which is code that would run as you: load the "
            "model's .onnx file, or say trust=True if the engine is your own"
        )
    if recipe != Recipe(recipe.file):
        raise UsageError(
            f"{recipe.file} is built already: shapes, workspace_bytes, tf32, aux_streams and "
            "timing_cache are for .onnx files"
        )


def _loaded(
    trt: Any, recipe: Recipe, plans: Plans | None, gpu: str
) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Return runtime and engine, and what `describe` says of where they are from."""
    content = recipe.file.read_bytes()
    if recipe.file.suffix.lower() in ENGINES:
        facts = {"model": str(recipe.file), "precision": "as in the engine", "tf32": None}
        return _trusted(trt, recipe.file, content), {**facts, "engine": "the file, trusted"}
    loaded, origin = _cached(trt, recipe, content, plans, gpu)
    return loaded, {
        "model": str(recipe.file),
        "precision": "as in the model, strongly typed",
        "tf32": recipe.tf32,
        "shapes": [
            {name: [list(each) for each in three] for name, three in profile.items()}
            for profile in recipe.profiles
        ],
        "engine": origin,
    }


def _trusted(trt: Any, file: Path, plan: bytes) -> tuple[Any, Any]:
    try:
        return runtime_engine(trt, plan)
    except BuildFailed as error:
        raise ModelFormatError(
            file, f"{error}; engines only load on the GPU and TensorRT that built them"
        ) from error


def _cached(
    trt: Any, recipe: Recipe, model: bytes, plans: Plans | None, gpu: str
) -> tuple[tuple[Any, Any], str]:
    """Return runtime and engine, from the cache where it holds one that loads."""
    if plans is None:
        return runtime_engine(trt, recipe.build(trt, model)), "built"
    name = key(recipe, model, trt.__version__, gpu)
    plan, origin = plans.find(name), f"built, kept as {plans.file(name)}"
    if plan is not None:
        try:
            return runtime_engine(trt, plan), f"kept from before as {plans.file(name)}"
        except BuildFailed as error:
            origin = f"built again: the one kept did not load ({error})"
    plan = recipe.build(trt, model)
    plans.keep(name, plan)
    return runtime_engine(trt, plan), origin


def _profiles(shapes: Shapes | Sequence[Shapes] | None) -> tuple[Profile, ...]:
    """Return the profiles as tuples, each input with three shapes that grow."""
    several = [shapes] if isinstance(shapes, Mapping) else list(shapes or ())
    return tuple({name: _three(name, each[name]) for name in each} for each in several if each)


def _three(name: str, three: Sequence[Sequence[int]]) -> Any:
    grows = len(three) == 3 and len({len(each) for each in three}) == 1
    if not grows or any(list(sizes) != sorted(sizes) for sizes in zip(*three, strict=True)):
        raise UsageError(
            f"shapes[{name!r}] is the smallest, most usual and largest shape, such as "
            f"((1, 4), (8, 4), (32, 4)); got {list(three)}"
        )
    return tuple(tuple(each) for each in three)
