"""From an ONNX file to a TensorRT engine; one path for TensorRT 10.13 to 11. Not yet run on a GPU.

Precision is that of the ONNX graph: TensorRT 11 has no other, and networks are strongly typed in
10 as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.backends.gpu.journal import journal
from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable, BuildFailed, ModelFormatError, UsageError
from latprof.run.disk import refusals, replacing

__all__ = ["Profile", "Recipe", "Shape", "runtime_engine"]

Shape = tuple[int, ...]
Profile = Mapping[str, tuple[Shape, Shape, Shape]]
"""Input to its smallest, most usual and largest shape."""


@dataclass(frozen=True)
class Recipe:
    """What an engine is built from.

    Attributes:
        file: The ONNX model; files with external weights lie beside it.
        profiles: Ranges of shapes that the engine is tuned for, each on its own. For an input that
            holds a shape itself, the three are its values.
        workspace_bytes: Scratch memory that kernels may use; None for all there is.
        tf32: Whether float32 matrix products may use TF32.
        aux_streams: Streams beside the main one that layers may run on; None for TensorRT's choice.
        timing_cache: A file of kernel timings, read before and written after; None for none.
    """

    file: Path
    profiles: tuple[Profile, ...] = ()
    workspace_bytes: int | None = None
    tf32: bool = True
    aux_streams: int | None = None
    timing_cache: Path | None = None

    def build(self, trt: Any, model: bytes) -> bytes:
        """Return the serialised engine.

        Args:
            trt: The imported `tensorrt`.
            model: What the file holds.

        Raises:
            BackendUnavailable: There is no usable GPU or driver.
            ModelFormatError: TensorRT cannot parse the model.
            UsageError: The shapes are not those of its inputs.
            BuildFailed: It can, and cannot build an engine of it.
            StorageError: The timing cache cannot be written.
        """
        log = journal(trt)
        log.told()  # of an earlier build that failed: it would go with the next error
        builder = _started(trt, lambda: trt.Builder(log))
        # By the enum's value, never a literal: it is 1 in TensorRT 10 and 0 in 11.
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parser = trt.OnnxParser(network, log)
        if not parser.parse(model, path=str(self.file)):
            raise ModelFormatError(self.file, f"TensorRT cannot parse it: {_reasons(parser)}")
        config = self._config(trt, builder, network)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise BuildFailed(f"TensorRT cannot build an engine of {self.file}", log.told())
        if self.timing_cache is not None:
            timings = config.get_timing_cache().serialize()
            with replacing(self.timing_cache) as written:
                written.write(bytes(timings))
        return bytes(plan)

    def _config(self, trt: Any, builder: Any, network: Any) -> Any:
        config = builder.create_builder_config()
        # Less would leave layers without the names that tie them to the ONNX graph.
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        if self.workspace_bytes is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, self.workspace_bytes)
        if not self.tf32:
            config.clear_flag(trt.BuilderFlag.TF32)
        if self.aux_streams is not None:
            config.max_aux_streams = self.aux_streams
        self._add_profiles(builder, config, network)
        if self.timing_cache is not None:
            self._use_timings(config, self.timing_cache)
        return config

    def _add_profiles(self, builder: Any, config: Any, network: Any) -> None:
        tensors = [network.get_input(index) for index in range(network.num_inputs)]
        self._check_profiles({tensor.name: tuple(tensor.shape) for tensor in tensors})
        holds_shape = {tensor.name: tensor.is_shape_tensor for tensor in tensors}
        for shapes in self.profiles:
            profile = builder.create_optimization_profile()
            for name, three in shapes.items():
                setter = profile.set_shape_input if holds_shape[name] else profile.set_shape
                try:
                    setter(name, *three)
                except ValueError as error:
                    raise UsageError(
                        f"shapes[{name!r}] is refused by TensorRT: {one_line(error)}"
                    ) from error
            config.add_optimization_profile(profile)

    def _check_profiles(self, shapes: Mapping[str, Shape]) -> None:
        for profile in self.profiles or ({},):
            unknown = profile.keys() - shapes.keys()
            if unknown:
                raise UsageError(
                    f"shapes names {', '.join(sorted(unknown))}, and the inputs of {self.file} "
                    f"are {', '.join(shapes)}"
                )
            for name, shape in shapes.items():
                if min(shape, default=0) < 0 and name not in profile:
                    raise UsageError(
                        f"the input {name!r} of {self.file} varies, {list(shape)}: give shapes="
                        f"{{{name!r}: (smallest, most usual, largest)}}"
                    )

    def _use_timings(self, config: Any, file: Path) -> None:
        """Start from the timings in a file; from none where they are damaged or of another GPU."""
        with refusals(file):
            known = file.read_bytes() if file.is_file() else b""
        for timings in (known, b""):
            cache = config.create_timing_cache(timings)
            if cache is not None and config.set_timing_cache(cache, False):  # noqa: FBT003 - its API
                return


def runtime_engine(trt: Any, plan: bytes) -> tuple[Any, Any]:
    """Return TensorRT's runtime and the engine in it.

    Args:
        trt: The imported `tensorrt`.
        plan: A serialised engine from a source that is trusted: it holds code, which runs.

    Raises:
        BackendUnavailable: There is no usable GPU or driver.
        BuildFailed: The engine does not load.
    """
    log = journal(trt)
    log.told()  # what was said before has no part in why an engine does not load
    runtime = _started(trt, lambda: trt.Runtime(log))
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise BuildFailed("TensorRT cannot load the engine", log.told())
    return runtime, engine


def _reasons(parser: Any) -> str:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    texts = (f"{each.node_name() or 'model'}: {each.desc()}" for each in errors)
    return " ".join("; ".join(texts).split()) or "it does not say why"


def _started(trt: Any, make: Any) -> Any:
    try:
        return make()
    except TypeError as error:  # how the bindings say that the library gave them nothing
        raise BackendUnavailable(
            f"TensorRT {trt.__version__} cannot start: there is no usable GPU or driver"
        ) from error
