"""The layers of a torch module: what each of its modules computes in one call.

Products are counted where they are dispatched, below modules and functions alike, and belong to the
innermost module that runs: attention written with functions is not missed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from latprof.analysis.ops.operator import Tensor, dtype_of
from latprof.analysis.summary.layer import Layer, Layers
from latprof.analysis.summary.products import macs_of
from latprof.backends.runtime import one_line
from latprof.backends.torchprogram import EAGER, EXPORTED, Program, program_of
from latprof.errors import InferenceError, MissingDependencyError, UsageError

__all__ = ["layers_of"]


@dataclass(slots=True)
class _Seen:
    """What is gathered of one module."""

    name: str
    module: Any
    macs: int = 0
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    parameters: list[Any] = field(default_factory=list)


def layers_of(source: Any, shapes: Mapping[str | None, Any]) -> Layers:
    """Return the layers of a module or program; it is run once and left as it was.

    Args:
        source: As `backends.torchprogram.program_of` takes it.
        shapes: Sizes or arrays by input.

    Raises:
        UsageError: The source is none that torch runs, or a shape is missing.
        ModelFormatError: The file holds no program.
        MissingDependencyError: torch is not installed.
        InferenceError: The module failed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("A summary of a torch module", "torch", "torch") from error
    program = program_of(torch, source)
    seen = _run(torch, program, _inputs(torch, program, shapes))
    _give_parameters(program.module, seen)
    layers = tuple(_layer(each, program) for each in seen.values() if _is_layer(each, program))
    notes = () if program.kind == EAGER else ("a program keeps its modules to itself: one layer",)
    return Layers(program.name, program.kind, layers, notes)


def _inputs(torch: Any, program: Program, shapes: Mapping[str | None, Any]) -> dict[str, Any]:
    device = next((each.device for each in program.module.parameters()), torch.device("cpu"))
    required = [spec.name for spec in program.inputs if spec.required]
    if None in shapes and len(required) != 1:
        raise UsageError(f"{program.name} has the inputs {', '.join(required)}: name each shape")
    wanted = {required[0] if key is None else key: value for key, value in shapes.items()}
    known = {spec.name: spec for spec in program.inputs}
    if not program.open_inputs and (strange := sorted(wanted.keys() - known.keys())):
        raise UsageError(f"{program.name} has no input {strange[0]!r}, only {', '.join(known)}")
    for name in required:
        spec = known[name]
        if name not in wanted and spec.shape is None:
            raise UsageError(f"give the shape of the input {name!r} of {program.name}")
        wanted.setdefault(name, tuple(1 if size is None else size for size in spec.shape or ()))
    dtypes = {name: spec.dtype for name, spec in known.items()}
    return {
        name: _ones(torch, value, dtypes.get(name), device).to(device)
        for name, value in wanted.items()
    }


def _ones(torch: Any, value: Any, dtype: Any, device: Any) -> Any:
    if hasattr(value, "dtype"):
        return torch.as_tensor(value)
    kind = torch.float32 if dtype is None else getattr(torch, str(dtype))
    try:
        return torch.ones(tuple(value), dtype=kind, device=device)
    except (TypeError, RuntimeError) as error:
        raise UsageError(f"{value!r} is no shape: {one_line(error)}") from error


def _run(torch: Any, program: Program, tensors: dict[str, Any]) -> dict[str, _Seen]:
    """Run once; return what was seen of each module, in the order in which they began."""
    root = type(program.module).__name__ if program.kind == EAGER else program.name
    seen: dict[str, _Seen] = {}
    running: list[_Seen] = []
    positional, named = program.arrange(tensors)
    with ExitStack() as stack:
        for name, module in program.module.named_modules():
            if isinstance(module, torch.jit.ScriptModule):  # takes no hooks: one layer in all
                continue
            stack.enter_context(_hooks(torch, name or root, module, seen, running))
        stack.enter_context(_evaluating(torch, program))
        # Not inference mode: under it composite operators arrive whole, and hide their products.
        stack.enter_context(torch.no_grad())
        stack.enter_context(_counting(torch, running, seen, root, program.module))
        try:
            output = program.module(*positional, **named)
        except Exception as error:
            raise InferenceError(f"{program.name} failed: {one_line(error)}") from error
    whole = seen.setdefault(root, _Seen(root, program.module))
    whole.inputs = whole.inputs or tuple(_tensors(torch, tensors))
    whole.outputs = whole.outputs or tuple(_tensors(torch, output))
    return seen


@contextmanager
def _hooks(
    torch: Any, name: str, module: Any, seen: dict[str, _Seen], running: list[_Seen]
) -> Iterator[None]:
    def begins(_: Any, arguments: Any, keywords: Any) -> None:
        each = seen.setdefault(name, _Seen(name, module))
        each.inputs = each.inputs or tuple(_tensors(torch, (arguments, keywords)))
        running.append(each)

    def ends(_: Any, __: Any, output: Any) -> None:
        each = running.pop()
        each.outputs = each.outputs or tuple(_tensors(torch, output))

    handles = (
        module.register_forward_pre_hook(begins, with_kwargs=True),
        module.register_forward_hook(ends, always_call=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _evaluating(torch: Any, program: Program) -> Iterator[None]:
    """Switch training off, and the fused path of attention, which hides its products."""
    modules = [] if program.kind == EXPORTED else list(program.module.modules())
    trained = [each for each in modules if each.training]
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    for each in trained:
        each.training = False
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for each in trained:
            each.training = True


def _counting(
    torch: Any, running: list[_Seen], seen: dict[str, _Seen], root: str, module: Any
) -> Any:
    """Return the mode that sees every operator; what runs outside of all modules is the root's."""

    def dispatch(_: Any, func: Any, __: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if macs := macs_of(torch, func.overloadpacket.__name__, args, output):
            owner = running[-1] if running else seen.setdefault(root, _Seen(root, module))
            owner.macs += macs
        return output

    mode = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode
    return type("Counting", (mode,), {"__torch_dispatch__": dispatch})()


def _tensors(torch: Any, value: Any) -> Iterator[Tensor]:
    """Yield the tensors in what a module takes or returns."""
    if isinstance(value, torch.Tensor):
        yield Tensor(dtype_of(str(value.dtype).removeprefix("torch.")), tuple(value.shape))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(torch, each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(torch, each)


def _give_parameters(root: Any, seen: Mapping[str, _Seen]) -> None:
    """Give each parameter to its module, or to the nearest around it that was called."""
    called = {id(each.module): each for each in seen.values()}
    owners: dict[str, _Seen] = {}
    given: set[int] = set()
    for name, module in root.named_modules():
        around = owners.get(name.rpartition(".")[0]) or called[id(root)]
        owner = owners[name] = called.get(id(module), around)
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in given:
                given.add(id(parameter))
                owner.parameters.append(parameter)


def _is_layer(seen: _Seen, program: Program) -> bool:
    """Leave out modules that only call others, and what a program has besides itself."""
    if program.kind != EAGER:
        return seen.module is program.module
    return bool(seen.macs or seen.parameters or not next(seen.module.children(), None))


def _layer(seen: _Seen, program: Program) -> Layer:
    whole = seen.module is program.module and program.kind != EAGER
    return Layer(
        name=seen.name,
        op_type=program.kind if whole else type(seen.module).__name__,
        inputs=seen.inputs,
        outputs=seen.outputs,
        weights=tuple(
            Tensor(dtype_of(str(each.dtype).removeprefix("torch.")), tuple(each.shape))
            for each in seen.parameters
        ),
        macs=seen.macs,
    )
