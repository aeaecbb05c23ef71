"""From an ONNX file to a TensorRT engine; one path for TensorRT 10.13 to 11. Not yet run on a GPU.

Precision is that of the ONNX graph: TensorRT 11 has no other, and networks are strongly typed in
10 as well. Only engines built here, in this process, are deserialised: an engine is code.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.errors import BackendUnavailable, BuildFailed, ModelFormatError

__all__ = ["Recipe", "journal", "runtime_engine"]

Shape = tuple[int, ...]
KEPT_LINES = 50  # of TensorRT's warnings and errors; the last ones tell why


@dataclass(frozen=True)
class Recipe:
    """What an engine is built from.

    Attributes:
        file: The ONNX model; files with external weights lie beside it.
        shapes: Input to its smallest, most usual and largest shape, for inputs that vary.
        workspace_bytes: Scratch memory that kernels may use; None for all there is.
        tf32: Whether float32 matrix products may use TF32.
        timing_cache: A file of kernel timings, read before and written after; None for none.
    """

    file: Path
    shapes: Mapping[str, tuple[Shape, Shape, Shape]]
    workspace_bytes: int | None
    tf32: bool
    timing_cache: Path | None

    def build(self, trt: Any) -> bytes:
        """Return the serialised engine.

        Args:
            trt: The imported `tensorrt`.

        Raises:
            BackendUnavailable: There is no usable GPU or driver.
            ModelFormatError: TensorRT cannot parse the model.
            BuildFailed: It can, and cannot build an engine of it.
        """
        log = journal(trt)
        builder = _started(trt, lambda: trt.Builder(log))
        # By the enum's value, never a literal: it is 1 in TensorRT 10 and 0 in 11.
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        self._parse(trt, network, log)
        config = self._config(trt, builder)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise BuildFailed(f"TensorRT cannot build an engine of {self.file}", log.told())
        if self.timing_cache is not None:
            self.timing_cache.write_bytes(bytes(config.get_timing_cache().serialize()))
        return bytes(plan)

    def _parse(self, trt: Any, network: Any, log: Any) -> None:
        parser = trt.OnnxParser(network, log)
        if parser.parse(self.file.read_bytes(), path=str(self.file)):
            return
        errors = (parser.get_error(index) for index in range(parser.num_errors))
        reasons = "; ".join(f"{error.node_name() or 'model'}: {error.desc()}" for error in errors)
        raise ModelFormatError(self.file, f"TensorRT cannot parse it: {' '.join(reasons.split())}")

    def _config(self, trt: Any, builder: Any) -> Any:
        config = builder.create_builder_config()
        # Less would leave layers without the names that tie them to the ONNX graph.
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        if self.workspace_bytes is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, self.workspace_bytes)
        if not self.tf32:
            config.clear_flag(trt.BuilderFlag.TF32)
        if self.shapes:
            profile = builder.create_optimization_profile()
            for name, (smallest, usual, largest) in self.shapes.items():
                profile.set_shape(name, smallest, usual, largest)
            config.add_optimization_profile(profile)
        if self.timing_cache is not None:
            known = self.timing_cache.read_bytes() if self.timing_cache.is_file() else b""
            config.set_timing_cache(config.create_timing_cache(known), False)  # noqa: FBT003 - its API
        return config


def runtime_engine(trt: Any, plan: bytes) -> tuple[Any, Any]:
    """Return TensorRT's runtime and the engine in it.

    Raises:
        BackendUnavailable: There is no usable GPU or driver.
        BuildFailed: The engine does not load.
    """
    log = journal(trt)
    runtime = _started(trt, lambda: trt.Runtime(log))
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise BuildFailed("TensorRT cannot load the engine that it built", log.told())
    return runtime, engine


def _started(trt: Any, make: Any) -> Any:
    try:
        return make()
    except TypeError as error:  # how the bindings say that the library gave them nothing
        raise BackendUnavailable(
            f"TensorRT {trt.__version__} cannot start: there is no usable GPU or driver"
        ) from error


@functools.cache
def journal(trt: Any) -> Any:
    """Return the process's one logger: TensorRT keeps a single one, for ever."""

    class Journal(trt.ILogger):  # type: ignore[misc]  # its package has no types
        """Keeps warnings and errors, to go with the exceptions that they explain."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self._lines: deque[str] = deque(maxlen=KEPT_LINES)
            self._lock = threading.Lock()  # TensorRT logs from several threads

        def log(self, severity: Any, msg: str) -> None:
            """Take a line from TensorRT."""
            if int(severity) <= int(trt.ILogger.Severity.WARNING):
                with self._lock:
                    self._lines.append(" ".join(msg.split()))

        def told(self) -> tuple[str, ...]:
            """Return the lines so far, and forget them."""
            with self._lock:
                lines = tuple(self._lines)
                self._lines.clear()
            return lines

    return Journal()
