"""ONNX models on ONNX Runtime.

Tests hold the lines for a device on the CPU's memory, and hold the refusal of a fallback. With the
CUDA provider they have run on one GPU, an NVIDIA H200, with the TensorRT provider on none yet.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.backends.fallback import CPU, check_nodes, require_provider
from latprof.backends.model import Arrays, DeviceModel, Model, TensorSpec
from latprof.backends.placement import Node, assigned, counted, elsewhere, profiled
from latprof.backends.profiling import Profiling
from latprof.backends.runtime import Devices, Runtime, nvidia_driver_problem
from latprof.backends.session import (
    EXECUTIONS,
    OPTIMIZATIONS,
    Plan,
    execution_of,
    provider_options,
)
from latprof.backends.source import choice, model_file
from latprof.errors import ModelFormatError, UsageError

__all__ = ["DeviceSessionModel", "SessionModel", "load", "status"]

NAME = "onnxruntime"
PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_DTYPES = {
    "float": "float32",
    "float16": "float16",
    "double": "float64",
    "string": "object",
    "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_GRAPHS = ("enable_cuda_graph", "trt_cuda_graph_enable")
_PRECISIONS = {"float32": "f32", "float16": "f16", "float64": "f64"}


class SessionModel(Model):
    """A session on the CPU.

    Args:
        runtime: The imported package.
        plan: What the session is to be.

    Attributes:
        session: The `InferenceSession`; None once closed.
    """

    backend = NAME

    def __init__(self, runtime: Any, plan: Plan) -> None:
        self.session = plan.session(runtime)
        self._runtime, self._plan = runtime, plan
        super().__init__(_spec(each, plan.file) for each in self.session.get_inputs())
        self._outputs = [output.name for output in self.session.get_outputs()]
        self._description = self._described()

    def forward(self, inputs: Any) -> Any:
        """Run the session: arrays in, arrays out."""
        return dict(zip(self._outputs, self.session.run(self._outputs, inputs), strict=True))

    def describe(self) -> dict[str, Any]:
        """Return versions, providers asked and actual, placement, threads and precision.

        `placement` counts operators by provider as partitioning assigned them; None where this
        release cannot tell. A `threads` value of None is ONNX Runtime's own choice.
        """
        return dict(self._description)

    def placement(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[Node, ...]:
        """Return where each node ran: step (e), from a profiled run in a session of its own.

        Args:
            inputs: As for a call.

        Raises:
            FallbackDetected: Nodes ran elsewhere than asked.
            UsageError: The inputs do not fit.
        """
        self.check(inputs)
        with tempfile.TemporaryDirectory() as folder:
            session = self._plan.session(self._runtime, Path(folder) / "profile")
            session.run(None, dict(inputs))
            nodes = profiled(Path(session.end_profiling()))
        allowed = self._plan.allow_cpu_nodes
        check_nodes(nodes, self._plan.provider, allow_cpu_nodes=allowed)
        return nodes

    def profiling(self, folder: Path) -> SessionProfiling:
        """Return a session of its own, made by the same plan, that writes a profile."""
        twin = copy.copy(self)
        twin.session = self._plan.session(self._runtime, folder / "profile")
        return SessionProfiling(twin)

    def close(self) -> None:
        """Let go of the session."""
        super().close()
        self.session = None

    def _described(self) -> dict[str, Any]:
        plan, session = self._plan, self.session
        nodes = assigned(session)
        return {
            "backend": self.backend,
            "version": self._runtime.__version__,
            "model": str(plan.file),
            "device": "cpu" if plan.provider == CPU else f"cuda:{plan.device_id}",
            "stages": list(self.stages),
            "threads": {"intra": plan.threads, "inter": plan.inter_threads},
            "spinning": plan.spinning,
            "optimization": plan.optimization,
            "execution": {"asked": plan.execution, "actual": execution_of(session)},
            "precision": self._precision(),
            "timing": "host clock around synchronous calls",
            "providers": {"asked": [plan.provider], "actual": session.get_providers()},
            **provider_options(session, plan),
            "placement": None if nodes is None else counted(nodes),
            "nodes_elsewhere": [str(node) for node in elsewhere(nodes or (), plan.provider)],
        }

    def _precision(self) -> str:
        """Name the floating-point types at the model's ends; inside it may hold others."""
        ends = [*self.session.get_inputs(), *self.session.get_outputs()]
        names = {_DTYPES.get(_element(end), "") for end in ends}
        found = sorted(_PRECISIONS[name] for name in names if name in _PRECISIONS)
        return f"as in the model ({', '.join(found) or 'no floats'} at its ends)"


class SessionProfiling(Profiling):
    """Runs of a session that writes a profile.

    Args:
        model: With such a session.
    """

    def __init__(self, model: SessionModel) -> None:
        self._model = model

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the session once."""
        self._model(inputs)

    def finish(self) -> tuple[Path, ...]:
        """End the profile and let go of the session."""
        file = Path(self._model.session.end_profiling())
        self._model.close()
        return (file,)


class DeviceSessionModel(SessionModel, DeviceModel):
    """A session on a device, its inputs and outputs bound there.

    `run_with_iobinding` synchronises before it returns, so the host's clock around each stage
    tells its time.

    Args:
        runtime: The imported package.
        plan: What the session is to be.
        memory: The kind of memory that inputs and outputs are bound to.
    """

    stages = DeviceModel.stages

    def __init__(self, runtime: Any, plan: Plan, memory: str = "cuda") -> None:
        super().__init__(runtime, plan)
        self._memory = memory
        self._description["copies"] = "pageable"

    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> Any:
        """Copy the inputs to the device and wait; returns the binding that holds them."""
        place = self._runtime.OrtValue.ortvalue_from_numpy
        binding = self.session.io_binding()
        for name, array in inputs.items():
            value = place(np.ascontiguousarray(array), self._memory, self._plan.device_id)
            binding.bind_ortvalue_input(name, value)
        self._bind_outputs(binding)
        binding.synchronize_inputs()  # a session does not wait for other streams
        return binding

    def forward(self, inputs: Any) -> Any:
        """Run the session from device to device; returns the binding that holds the outputs."""
        self.session.run_with_iobinding(inputs)
        return inputs

    def d2h(self, outputs: Any) -> Arrays:
        """Copy the bound outputs back."""
        values = outputs.get_outputs()
        return {name: v.numpy() for name, v in zip(self._outputs, values, strict=True)}

    def _bind_outputs(self, binding: Any) -> None:
        for name in self._outputs:  # those left out would be copied to the host inside a run
            binding.bind_output(name, self._memory, self._plan.device_id)

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return DeviceModel._run(self, inputs)  # noqa: SLF001 - the stages' one order


def _devices(runtime: Any) -> Devices:
    if PROVIDERS["cuda"] not in runtime.get_available_providers():
        return {
            "cpu": None,
            "cuda": "this build has no CUDA provider: pip uninstall onnxruntime and "
            "pip install onnxruntime-gpu",
        }
    return {"cpu": None, "cuda": nvidia_driver_problem()}


_RUNTIME = Runtime(NAME, "onnxruntime", "onnx", _devices)
status = _RUNTIME.status


def load(
    source: Any,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    inter_threads: int | None = None,
    spinning: bool | None = None,
    optimization: str = "all",
    execution: str = "sequential",
    provider: str = "cuda",
    provider_options: Mapping[str, Any] | None = None,
    allow_cpu_nodes: bool = False,
    async_run: bool = False,
) -> SessionModel:
    """Load an ONNX file.

    Args:
        source: An `.onnx` or `.ort` file.
        device: "cpu", "cuda" or "cuda:1".
        threads: Threads inside one operator; None for ONNX Runtime's choice.
        precision: None: ONNX Runtime computes in what the file holds.
        inter_threads: Threads across operators, with `execution="parallel"`.
        spinning: Whether idle threads spin, which costs a small machine its cores.
        optimization: "disable", "basic", "extended" or "all".
        execution: "sequential" or "parallel".
        provider: On a CUDA device, "cuda" or "tensorrt".
        provider_options: Passed to the provider of a CUDA device.
        allow_cpu_nodes: Accept that a device leaves some nodes to the CPU; `describe()` lists
            them.
        async_run: On a CUDA device, run on a stream of torch's without waiting, so that events on
            the device time each stage; it needs torch with CUDA.

    Raises:
        UsageError: A value is not accepted, or there is no such file.
        MissingDependencyError: onnxruntime is not installed.
        BackendUnavailable: There is no such provider or device here.
        FallbackDetected: It would compute elsewhere than asked.
        ModelFormatError: It is not a model that ONNX Runtime can load.
    """
    choice(optimization, OPTIMIZATIONS, "optimization")
    choice(execution, EXECUTIONS, "execution")
    choice(provider, PROVIDERS, "provider")
    if precision is not None:
        raise UsageError("onnxruntime computes in the model's own precision: convert the file")
    file = model_file(source, (".onnx", ".ort"), NAME)
    kind, index = _device(device)
    for option in _GRAPHS:
        if str((provider_options or {}).get(option, 0)).lower() in ("1", "true"):
            raise UsageError(
                f"{option} freezes addresses, and latprof binds inputs and outputs anew for each "
                "call: leave it out"
            )
    if kind == "cpu" and async_run:
        raise UsageError('async_run is for device="cuda": on the CPU a run is over when it returns')
    runtime = _RUNTIME.load()
    wanted = CPU if kind == "cpu" else PROVIDERS[provider]
    if kind != "cpu":
        require_provider(runtime, wanted)
        _RUNTIME.require_device(runtime, device)
        _preload(runtime, wanted)
    plan = Plan(
        file,
        wanted,
        index,
        threads,
        inter_threads,
        spinning,
        optimization,
        execution,
        provider_options or {},
        allow_cpu_nodes,
    )
    if async_run:
        from latprof.backends.gpu.session import on_stream

        return on_stream(runtime, plan)
    return SessionModel(runtime, plan) if kind == "cpu" else DeviceSessionModel(runtime, plan)


def _device(device: str) -> tuple[str, int]:
    """Return kind and index of "cpu", "cuda" or "cuda:1"."""
    kind, colon, index = device.partition(":")
    if device != "cpu" and (kind != "cuda" or (colon and not index.isdecimal())):
        raise UsageError(f'onnxruntime runs on "cpu", "cuda" or "cuda:1"; got {device!r}')
    return kind, int(index or 0)


def _preload(runtime: Any, provider: str) -> None:
    """Let CUDA's libraries be found where pip put them; TensorRT's come with its own import."""
    if hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()
    if provider == PROVIDERS["tensorrt"]:
        Runtime(NAME, "tensorrt", "tensorrt", lambda _: {}).load()


def _element(end: Any) -> str:
    """Return the element type inside "tensor(float)"; the whole where it is no tensor."""
    kind: str = end.type
    return kind.removeprefix("tensor(").removesuffix(")")


def _spec(end: Any, file: Path) -> TensorSpec:
    element = _element(end)
    if element not in _DTYPES:
        raise ModelFormatError(
            file, f"its input {end.name!r} is a {end.type}, which numpy arrays cannot give"
        )
    shape = tuple(size if isinstance(size, int) else None for size in end.shape)
    return TensorSpec(end.name, np.dtype(_DTYPES[element]), shape)
