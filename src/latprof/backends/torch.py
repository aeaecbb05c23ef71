"""Modules and programs on torch, eager or compiled.

Tests run the lines for an accelerator on one that is simulated on the CPU; of GPUs they have run on
one, an NVIDIA H200.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from latprof.backends.model import Arrays, DeviceModel, Model
from latprof.backends.runtime import Devices, Runtime, nvidia_driver_problem, one_line
from latprof.backends.source import choice
from latprof.backends.torchprofile import TorchProfiling
from latprof.backends.torchprogram import EAGER, EXPORTED, SCRIPT, Program, program_of
from latprof.errors import BackendUnavailable, InferenceError, UsageError
from latprof.recording.deviceclock import device_clock

__all__ = ["TorchDeviceModel", "TorchModel", "load", "status"]

NAME = "torch"
PRECISIONS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
MEMORY_FORMATS = {"contiguous": "contiguous_format", "channels_last": "channels_last"}
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
IMAGE_RANK = 4  # channels-last is an order of exactly four dimensions


class TorchModel(Model):
    """A module on the CPU.

    Args:
        torch: The imported package.
        program: What is run; it is in evaluation mode.
        device: The `torch.device` that it is on.
        dtype: What floating-point inputs are turned into; None leaves them.
        memory_format: Of inputs with four dimensions; a key of MEMORY_FORMATS.
        compiled: What `describe` says of the compilation; None for none.
    """

    backend = NAME

    def __init__(
        self,
        torch: Any,
        program: Program,
        device: Any,
        dtype: Any,
        memory_format: str,
        compiled: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(program.inputs, open_inputs=program.open_inputs)
        self._torch, self._program, self._device, self._dtype = torch, program, device, dtype
        self._memory_format, self._compiled = memory_format, compiled
        self._module = program.module
        if compiled is not None:
            self._module = _compiled(torch, program.module, compiled)
        self._trained = _evaluate(program)

    def forward(self, inputs: Any) -> Any:
        """Call the module: arrays in, arrays out, sharing memory with tensors where they can."""
        return self._arrays(self._compute(self._tensors(inputs)))

    def describe(self) -> dict[str, Any]:
        """Return version, device, kind of program, threads, precision, and what else decides.

        `threads` has what the whole process has now: torch keeps one number for all modules.
        """
        torch, module = self._torch, self._program.module
        return {
            "backend": self.backend,
            "version": torch.__version__,
            "model": self._program.name,
            "kind": self._program.kind,
            "device": str(self._device),
            "stages": list(self.stages),
            "threads": {"intra": torch.get_num_threads(), "inter": torch.get_num_interop_threads()},
            "precision": None if module is None else _precision(module),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "memory_format": self._memory_format,
            "compiled": None if self._compiled is None else dict(self._compiled),
            "inference_mode": True,
            "training": self._is_training(),
            "timing": "host clock",
        }

    def _is_training(self) -> bool | None:
        """Whether any part is in training mode now; None where that has no meaning."""
        if self._closed or self._program.kind == EXPORTED:
            return None
        return any(each.training for each in self._program.module.modules())

    def profiling(self, folder: Path) -> TorchProfiling:
        """Return torch.profiler around runs of this very model."""
        return TorchProfiling(self._torch, self, folder)

    def close(self) -> None:
        """Let go of the module; one that was in training mode is put back into it."""
        super().close()
        while self._trained:
            self._trained.pop().training = True
        self._module = None
        self._program = replace(self._program, module=None)

    def _tensors(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        return {name: self._tensor(array) for name, array in inputs.items()}

    def _tensor(self, array: NDArray[Any]) -> Any:
        # torch takes no negative strides, and warns of memory that may not be written.
        if not array.flags.carray:
            array = array.copy()
        tensor = self._torch.from_numpy(array)
        if self._dtype is not None and tensor.is_floating_point():
            tensor = tensor.to(self._dtype)
        if self._memory_format == "channels_last" and array.ndim == IMAGE_RANK:
            tensor = tensor.contiguous(memory_format=self._torch.channels_last)
        return tensor

    def _compute(self, tensors: dict[str, Any]) -> Any:
        positional, named = self._program.arrange(tensors)
        with self._torch.inference_mode():
            return self._module(*positional, **named)

    def _arrays(self, output: Any) -> Arrays:
        return {name: self._array(tensor) for name, tensor in self._outputs(output)}

    def _outputs(self, output: Any) -> Iterable[tuple[str, Any]]:
        if isinstance(output, self._torch.Tensor):
            return (("output", output),)
        return self._named(output, "output")

    def _array(self, tensor: Any) -> NDArray[Any]:
        array: NDArray[Any] = self._for_numpy(tensor).numpy(force=True)
        return array

    def _for_numpy(self, tensor: Any) -> Any:
        # numpy has no such type
        return tensor.float() if tensor.dtype is self._torch.bfloat16 else tensor

    def _named(self, output: Any, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the tensors of an output by name: `output`, `output_0`, or a mapping's keys."""
        if isinstance(output, self._torch.Tensor):
            yield name, output
        elif isinstance(output, Mapping):
            for key, value in output.items():
                yield from self._named(value, str(key))
        elif isinstance(output, list | tuple):
            for index, value in enumerate(output):
                yield from self._named(value, f"{name}_{index}")
        elif output is not None:
            raise InferenceError(
                f"the torch model returned {type(output).__name__} as {name}: wrap it in a module "
                "that returns tensors"
            )


class TorchDeviceModel(TorchModel, DeviceModel):
    """A module on an accelerator.

    Stages issue their work and return: a clock on the device tells when it was done, and only the
    last one waits, for the outputs. Where the device has no events each stage waits, and
    `describe()` says so under `timing`.
    """

    stages = DeviceModel.stages

    def __init__(self, torch: Any, *given: Any) -> None:
        super().__init__(torch, *given)
        self._clock = device_clock(torch, self._device)
        self._pins = _can_pin(torch, self._device)

    def h2d(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Issue the copies of the inputs, from pinned memory where torch has it for the device."""
        sources = self._tensors(inputs)
        if self._pins:  # torch keeps that memory until it has been read, and reuses it then
            sources = {name: each.pin_memory() for name, each in sources.items()}
        # Memory first: what finding it takes is not the copy's.
        targets = {name: self._room_for(each) for name, each in sources.items()}
        with self._clock.stage():
            for name, source in sources.items():
                targets[name].copy_(source, non_blocking=True)
        return targets

    def _room_for(self, tensor: Any) -> Any:
        return self._torch.empty_like(tensor, device=self._device)

    def forward(self, inputs: Any) -> Any:
        """Issue the module's work."""
        with self._clock.stage():
            return self._compute(inputs)

    def d2h(self, outputs: Any) -> Arrays:
        """Issue the copies of the outputs, and wait for them."""
        with self._clock.stage():
            copies = {name: self._copied(each) for name, each in self._outputs(outputs)}
        self._clock.wait()
        return {name: self._array(each) for name, each in copies.items()}

    def _copied(self, tensor: Any) -> Any:
        return self._for_numpy(tensor).to("cpu", non_blocking=True)

    def describe(self) -> dict[str, Any]:
        """Return what `TorchModel.describe` does, and how stages are timed and inputs copied."""
        copies = "pinned" if self._pins else "pageable"
        return super().describe() | {"timing": self._clock.timing, "copies": copies}

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        with self._clock.call():
            return DeviceModel._run(self, inputs)  # noqa: SLF001 - the stages' one order


def _can_pin(torch: Any, device: Any) -> bool:
    """Whether torch has pinned memory for a device: copies from other memory make the host wait."""
    try:
        return device.type != "cpu" and bool(torch.empty(1).pin_memory().is_pinned())
    except Exception:  # noqa: BLE001 - what backends say to it is no closed list
        return False


def _devices(torch: Any) -> Devices:
    devices: dict[str, str | None] = {"cpu": None, "cuda": _cuda_problem(torch)}
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        devices[accelerator.type] = None
    return devices


def _cuda_problem(torch: Any) -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA: install a CUDA build of it"
    if not torch.cuda.is_available():
        return nvidia_driver_problem() or "torch finds no CUDA device that it can use"
    return None


_RUNTIME = Runtime(NAME, "torch", "torch", _devices)
status = _RUNTIME.status


def load(
    source: Any,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    compile: bool = False,  # noqa: A002 - torch's own word
    compile_backend: str = "inductor",
    compile_mode: str = "default",
    dynamic: bool | None = None,
    memory_format: str = "contiguous",
) -> TorchModel:
    """Load a module or a program.

    A module that is passed in is used itself, in evaluation mode until the model is closed; where
    device, precision or memory format would change it, a copy is made.

    Args:
        source: An `nn.Module`, a `ScriptModule`, an `ExportedProgram`, or a file of one of the
            last two (`.pt`, `.pth`, `.ts`, `.pt2`). Pickles are not opened.
        device: As torch spells it: "cpu", "cuda", "cuda:1".
        threads: Threads inside an operator, for the whole process: torch has one number.
        precision: "f32", "f16" or "bf16", for weights and floating-point inputs; None keeps what
            the module has.
        compile: Whether to run it through `torch.compile`; the first call with a shape compiles.
        compile_backend: Of `torch.compile`.
        compile_mode: Of `torch.compile`.
        dynamic: Of `torch.compile`: whether shapes may vary; None lets it find out.
        memory_format: "contiguous" or "channels_last".

    Raises:
        UsageError: A value is not accepted, or there is no such file.
        MissingDependencyError: torch is not installed.
        BackendUnavailable: There is no such device here.
        ModelFormatError: The file holds no program.
    """
    choice(memory_format, MEMORY_FORMATS, "memory_format")
    choice(compile_mode, COMPILE_MODES, "compile_mode")
    if precision is not None:
        choice(precision, PRECISIONS, "precision")
    torch = _RUNTIME.load()
    place = _place(torch, device)
    program = program_of(torch, source, place)
    if compile and program.kind == SCRIPT:
        raise UsageError("torch.compile does not take TorchScript: pass the nn.Module itself")
    dtype = None if precision is None else getattr(torch, PRECISIONS[precision])
    program = _changed(torch, program, place, dtype, memory_format)
    if threads is not None:
        torch.set_num_threads(threads)
    # torch.compile refuses a mode beside a backend other than its own.
    mode = {} if compile_mode == "default" else {"mode": compile_mode}
    compiled = {"backend": compile_backend, "dynamic": dynamic, **mode} if compile else None
    kind = TorchModel if place.type == "cpu" else TorchDeviceModel
    return kind(torch, program, place, dtype, memory_format, compiled)


def _place(torch: Any, device: str) -> Any:
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f'torch knows no device {device!r}: "cpu", "cuda", "cuda:1"') from error
    _RUNTIME.require_device(torch, device)
    try:
        # The device of a tensor that is there: "cuda" becomes "cuda:0", as parameters say it.
        return torch.empty(0, device=place).device
    except Exception as error:
        raise BackendUnavailable(f"torch cannot use {device!r} here: {one_line(error)}") from error


def _changed(torch: Any, program: Program, place: Any, dtype: Any, memory_format: str) -> Program:
    """Return the program with its module as asked for, in a copy where others hold it."""
    wanted: dict[str, Any] = {}
    if any(tensor.device != place for tensor in _held(program.module)):
        wanted["device"] = place
    if dtype is not None and any(t.dtype != dtype for t in _held(program.module, floats=True)):
        wanted["dtype"] = dtype
    if memory_format != "contiguous":
        wanted["memory_format"] = getattr(torch, MEMORY_FORMATS[memory_format])
    if not wanted:
        return program
    if program.kind == EXPORTED:
        raise UsageError(
            "a torch.export program keeps the precision and memory format that it was exported "
            "with, and one that is passed in its device: export it again, or load it from a file"
        )
    try:
        module = program.module if program.is_ours else copy.deepcopy(program.module)
        return replace(program, module=module.to(**wanted), is_ours=True)
    except Exception as error:  # no memory for it, most often
        asked = ", ".join(f"{key}={value}" for key, value in wanted.items())
        raise BackendUnavailable(
            f"torch cannot bring {program.name} to {asked}: {one_line(error)}"
        ) from error


def _compiled(torch: Any, module: Any, options: Mapping[str, Any]) -> Any:
    """Return the module behind `torch.compile`, which compiles at the first call."""
    try:
        return torch.compile(module, **options)
    except Exception as error:
        raise UsageError(f"torch.compile refuses {dict(options)}: {one_line(error)}") from error


def _held(module: Any, *, floats: bool = False) -> Iterator[Any]:
    """Yield the parameters and buffers of a module."""
    for tensors in (module.parameters(), module.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point() or not floats:
                yield tensor


def _precision(module: Any) -> str:
    names = {str(tensor.dtype).removeprefix("torch.") for tensor in _held(module, floats=True)}
    short = {long: short for short, long in PRECISIONS.items()}
    return ", ".join(sorted(short.get(name, name) for name in names)) or "no floats held"


def _evaluate(program: Program) -> list[Any]:
    """Put the module into evaluation mode; return those of its parts that were not in it."""
    if program.kind == EXPORTED:  # what it does was settled when it was exported
        return []
    trained = [each for each in program.module.modules() if each.training]
    program.module.eval()
    return trained if program.kind == EAGER and not program.is_ours else []
