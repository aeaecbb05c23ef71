"""What torch can run, brought to one shape: a callable over tensors by name."""

from __future__ import annotations

import inspect
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from latprof.backends.model import TensorSpec
from latprof.backends.runtime import one_line
from latprof.backends.source import model_file
from latprof.errors import ModelFormatError, UsageError

__all__ = ["SUFFIXES", "Program", "program_of"]

EAGER, SCRIPT, EXPORTED = "eager", "torchscript", "export"
SUFFIXES = (".pt", ".pth", ".ts", ".pt2")


Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
Arrange = Callable[[dict[str, Any]], Arguments]


@dataclass(frozen=True)
class Program:
    """A module and how it is called.

    Attributes:
        kind: "eager", "torchscript" or "export".
        name: What the user would call it: a file or a class.
        module: The `nn.Module`.
        inputs: What a call takes.
        arrange: Turns tensors by name into positional and keyword arguments.
        open_inputs: Whether a call may give others.
        is_ours: Whether nobody else holds the module, so that it may be changed.
    """

    kind: str
    name: str
    module: Any
    inputs: tuple[TensorSpec, ...]
    arrange: Arrange
    open_inputs: bool = False
    is_ours: bool = False


def program_of(torch: Any, source: Any, place: Any = None) -> Program:
    """Return the program that `source` is, or that the file it names holds.

    Args:
        torch: The imported package.
        source: An `nn.Module`, a `ScriptModule`, an `ExportedProgram`, or a file of one of the
            last two.
        place: The `torch.device` that an exported program from a file is moved to; None leaves it
            where it was exported.

    Raises:
        UsageError: It is nothing of the kind, or there is no such file.
        ModelFormatError: The file holds no such program.
    """
    if isinstance(source, torch.export.ExportedProgram):
        return _exported(source, "ExportedProgram")
    if isinstance(source, torch.jit.ScriptModule):
        return _scripted(source, type(source).__name__)
    if isinstance(source, torch.nn.Module):
        return _eager(source)
    if isinstance(source, type):
        raise UsageError(f"torch runs a module, and {source.__name__} is a class: make one of it")
    file = model_file(source, SUFFIXES, "torch")
    load, shape = _reader(torch, file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats that will go: the user chose the file
        try:
            loaded = load(str(file))
        except Exception as error:
            raise ModelFormatError(file, f"torch cannot load it: {one_line(error)}") from error
        if place is not None and isinstance(loaded, torch.export.ExportedProgram):
            loaded = _moved(loaded, place)
    return replace(shape(loaded, str(file)), is_ours=True)


def _reader(torch: Any, file: Path) -> tuple[Callable[[str], Any], Callable[[Any, str], Program]]:
    """Tell the two formats apart by what their archives hold; a pickle is not opened."""
    try:
        with zipfile.ZipFile(file) as archive:
            # At the root or right below it: further down are the folders of the user's own code.
            parts = {part for name in archive.namelist() for part in name.split("/")[:2]}
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelFormatError(file, "is no TorchScript or torch.export archive") from error
    if parts & {"models", "serialized_exported_program.json", "serialized_exported_program"}:
        return torch.export.load, _exported
    if "code" in parts and "constants.pkl" in parts:
        return torch.jit.load, _scripted
    raise ModelFormatError(
        file,
        "holds neither TorchScript nor a torch.export program; where it is a pickle of a module "
        "or of weights, load it yourself and pass the module",
    )


def _moved(program: Any, place: Any) -> Any:
    """Return an exported program on a device: itself, for torch moves it in place."""
    held = [*program.state_dict.values(), *program.constants.values()]
    devices = {each.device for each in held if hasattr(each, "device")}
    if devices == {place} or (not devices and place.type == "cpu"):
        return program
    try:
        from torch.export.passes import move_to_device_pass
    except ImportError:  # an older torch: whoever needs it elsewhere is told so
        return program
    return move_to_device_pass(program, str(place))


def _eager(module: Any) -> Program:
    parameters = inspect.signature(module.forward).parameters.values()
    declared = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    by_position = [p.name for p in declared if p.kind is not p.KEYWORD_ONLY]
    return Program(
        EAGER,
        type(module).__qualname__,
        module,
        tuple(TensorSpec(p.name, required=p.default is p.empty) for p in declared),
        _as_declared(
            by_position, rest_by_position=any(p.kind is p.VAR_POSITIONAL for p in parameters)
        ),
        open_inputs=len(declared) < len(parameters),
    )


def _scripted(module: Any, name: str) -> Program:
    arguments = module.forward.schema.arguments[1:]  # the first is self
    specs = tuple(
        TensorSpec(each.name, required=not each.has_default_value()) for each in arguments
    )
    names = [each.name for each in arguments if not each.kwarg_only]
    return Program(SCRIPT, name, module, specs, _as_declared(names))


def _exported(program: Any, name: str) -> Program:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    names = program.graph_signature.user_inputs
    specs = tuple(_spec(each, values.get(each)) for each in names if isinstance(each, str))
    in_spec = program.call_spec.in_spec

    def arrange(tensors: dict[str, Any]) -> Arguments:
        from torch.utils import _pytree as pytree

        arguments: Arguments = pytree.tree_unflatten(
            # What was no tensor when it was exported is held as the constant that it was.
            [tensors[each] if isinstance(each, str) else each for each in names],
            in_spec,
        )
        return arguments

    return Program(EXPORTED, name, program.module(), specs, arrange, is_ours=True)


def _spec(name: str, value: Any) -> TensorSpec:
    """Return what an exported program fixed of an input."""
    if not hasattr(value, "shape"):
        return TensorSpec(name)
    dtype = str(value.dtype).removeprefix("torch.")
    known = np.dtype(dtype) if hasattr(np, dtype) or dtype == "bool" else None
    shape = tuple(size if type(size) is int else None for size in value.shape)
    return TensorSpec(name, known, shape)


def _as_declared(names: Sequence[str], *, rest_by_position: bool = False) -> Arrange:
    """Return what passes tensors as a person would: by position as far as declared, then by name.

    Hooks on a module see positional arguments only, unless they ask for more.
    """
    names = tuple(names)

    def arrange(tensors: dict[str, Any]) -> Arguments:
        if tuple(tensors) == names[: len(tensors)]:  # the common case, at a third of the cost
            return tuple(tensors.values()), {}
        given = list(takewhile(tensors.__contains__, names))
        positional = tuple(tensors[name] for name in given)
        rest = {name: tensor for name, tensor in tensors.items() if name not in given}
        return ((*positional, *rest.values()), {}) if rest_by_position else (positional, rest)

    return arrange
