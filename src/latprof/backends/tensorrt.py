"""ONNX models on TensorRT: this has not yet run on a GPU.

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
from latprof.backends.gpu.engine import Recipe, runtime_engine
from latprof.backends.gpu.execution import Execution
from latprof.backends.model import Arrays, DeviceModel
from latprof.backends.runtime import Devices, Runtime, nvidia_driver_problem, one_line
from latprof.backends.source import model_file
from latprof.errors import BackendUnavailable, UsageError

__all__ = ["EngineModel", "load", "status"]

NAME = "tensorrt"
Shapes = Mapping[str, Sequence[Sequence[int]]]


class EngineModel(DeviceModel):
    """An engine and one execution context; calls from several threads take turns.

    Each stage ends with a synchronisation, so the host's clock tells its time. Not yet run on a
    GPU.

    Args:
        torch: The imported torch.
        trt: The imported `tensorrt`.
        recipe: What the engine is built from.
        device: The `torch.device`.
        stream: Such as `CudaStream`.
    """

    backend = NAME

    def __init__(self, torch: Any, trt: Any, recipe: Recipe, device: Any, stream: Any) -> None:
        with stream.current():  # TensorRT builds for the device that is current
            self._runtime, self._engine = runtime_engine(trt, recipe.build(trt))
            self._execution: Execution | None = Execution(torch, trt, self._engine, device, stream)
        super().__init__(self._execution.inputs)
        self._lock = threading.Lock()
        self._description = {
            "backend": NAME,
            "version": trt.__version__,
            "torch": torch.__version__,
            "model": str(recipe.file),
            "device": str(device),
            "stages": list(self.stages),
            "threads": None,
            "precision": "as in the model, strongly typed",
            "tf32": recipe.tf32,
            "shapes": {
                name: [list(each) for each in three] for name, three in recipe.shapes.items()
            },
            "layers": self._engine.num_layers,
            "device_memory_bytes": self._engine.device_memory_size_v2,
            "timing": "host clock, the stream synchronised after each stage",
        }

    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> Execution:
        """Copy the inputs, from pageable memory; a change of shapes is made here."""
        execution = self._execution
        if execution is None:
            raise UsageError("the tensorrt model is closed: load it again")
        execution.put(inputs)
        return execution

    def forward(self, inputs: Any) -> Any:
        """Run the engine and wait for it."""
        inputs.run()
        return inputs

    def d2h(self, outputs: Any) -> Arrays:
        """Copy the outputs back."""
        arrays: Arrays = outputs.get()
        return arrays

    def describe(self) -> dict[str, Any]:
        """Return versions, shapes, TF32, layers and memory."""
        return dict(self._description)

    def close(self) -> None:
        """Let go of context, engine and buffers."""
        super().close()
        self._execution = self._engine = self._runtime = None

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        with self._lock:
            return super()._run(inputs)


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
    shapes: Shapes | None = None,
    workspace_bytes: int | None = None,
    tf32: bool = True,
    timing_cache: str | os.PathLike[str] | None = None,
) -> EngineModel:
    """Build an engine of an ONNX file and load it.

    Args:
        source: An `.onnx` file.
        device: "cuda" or "cuda:1".
        threads: None: the GPU has none to choose.
        precision: None: TensorRT computes in what the file holds.
        shapes: Input to its smallest, most usual and largest shape; needed for inputs that vary.
        workspace_bytes: Scratch memory that kernels may use; None for all there is.
        tf32: Whether float32 matrix products may use TF32, as TensorRT does by default; outputs
            then differ by about 1e-3.
        timing_cache: A file of kernel timings that makes the next build quick and alike.

    Raises:
        UsageError: A value is not accepted, or there is no such file.
        MissingDependencyError: tensorrt or torch is not installed.
        BackendUnavailable: There is no usable GPU or driver.
        ModelFormatError: TensorRT cannot parse the model.
        BuildFailed: It can, and cannot build an engine of it.
    """
    if device.partition(":")[0] != "cuda":
        raise UsageError(f'tensorrt runs on "cuda" or "cuda:1", got {device!r}: say device="cuda"')
    if precision is not None:
        raise UsageError("tensorrt computes in the model's own precision: convert the file")
    if threads is not None:
        raise UsageError("tensorrt has no threads to choose: leave threads out")
    file = model_file(source, (".onnx",), NAME)
    cache = None if timing_cache is None else Path(timing_cache)
    recipe = Recipe(file, _profile(shapes or {}), workspace_bytes, tf32, cache)
    trt = _RUNTIME.load()
    torch = _TORCH.load()
    _RUNTIME.require_device(trt, device)
    try:
        place = torch.device(device)
        stream = CudaStream(torch, place)
    except RuntimeError as error:  # there is no device of that number
        raise BackendUnavailable(f"torch cannot use {device!r}: {one_line(error)}") from error
    return EngineModel(torch, trt, recipe, place, stream)


def _profile(shapes: Shapes) -> dict[str, Any]:
    """Return the shapes as tuples, each input with three that grow."""
    profile = {name: tuple(tuple(each) for each in three) for name, three in shapes.items()}
    for name, three in profile.items():
        grows = len({len(each) for each in three}) == 1 and all(
            list(sizes) == sorted(sizes) for sizes in zip(*three, strict=True)
        )
        if len(three) != 3 or not grows:
            raise UsageError(
                f"shapes[{name!r}] is the smallest, most usual and largest shape, such as "
                f"((1, 4), (8, 4), (32, 4)); got {list(three)}"
            )
    return profile
