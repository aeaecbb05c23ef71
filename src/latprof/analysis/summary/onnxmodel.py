"""The layers of an ONNX file: its nodes with inferred shapes."""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from latprof.analysis.onnxfile import load_onnx
from latprof.analysis.ops.operator import Tensor, dtype_of
from latprof.analysis.ops.work import multiply_adds
from latprof.analysis.summary.folding import inferred
from latprof.analysis.summary.layer import Layer, Layers
from latprof.errors import UsageError

__all__ = ["layers_of"]

_LARGE = 1 << 12  # elements from which a constant is a weight and no shape
_NO_PARAMETERS = ("int64", "bool", None)  # what arithmetic of shapes is made of
_OURS = ("", "ai.onnx", "com.microsoft")
_NESTED = ("If", "Loop", "Scan")


def layers_of(path: Path, shapes: Mapping[str | None, Any]) -> Layers:
    """Return the layers of a file.

    Args:
        path: The file.
        shapes: Sizes (or arrays) by input; those that the file leaves open are 1 by default.

    Raises:
        UsageError: A shape does not fit the file.
        ModelFormatError: It is not an ONNX model.
        MissingDependencyError: onnx is not installed.
    """
    model = load_onnx(path, "A summary of an ONNX model")
    onnx = importlib.import_module("onnx")
    constants = dict(_constants(onnx, model.graph))
    taken_as_one = _fix(model.graph, constants, shapes)
    parameters = _parameters(model.graph, constants)
    nodes = [copy.deepcopy(node) for node in model.graph.node]
    _lighten(onnx, model.graph)
    tensors = {**_tensors(onnx, inferred(path, model)), **constants}
    layers = tuple(_layers(nodes, tensors, parameters))
    notes = [f"sizes that the file leaves open are 1: {', '.join(taken_as_one)}"]
    return Layers(path.name, "onnx", layers, tuple(notes) if taken_as_one else ())


def _constants(onnx: Any, graph: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the constants of a graph, whether they stand as initialisers or as nodes."""
    for weight in graph.initializer:
        yield weight.name, _constant(onnx, weight)
    for weight in graph.sparse_initializer:
        dtype = _dtype(onnx, weight.values.data_type)
        yield weight.values.name, Tensor(dtype, tuple(weight.dims))
    for node in graph.node:
        value = next((each.t for each in node.attribute if each.name == "value"), None)
        if node.op_type == "Constant" and node.output and value is not None:
            yield node.output[0], _constant(onnx, value)


def _constant(onnx: Any, weight: Any) -> Tensor:
    return Tensor(_dtype(onnx, weight.data_type), tuple(weight.dims))


def _dtype(onnx: Any, code: int) -> str | None:
    try:
        name = onnx.TensorProto.DataType.Name(code)
    except ValueError:
        return None
    return dtype_of("float8" if name.startswith("FLOAT8") else name)


def _fix(
    graph: Any, constants: Mapping[str, Tensor], shapes: Mapping[str | None, Any]
) -> list[str]:
    """Give every input its sizes; return which were taken as 1."""
    inputs = [each for each in graph.input if each.name not in constants]
    names = [each.name for each in inputs]
    wanted = _named(shapes, names)
    found = []
    for each in inputs:
        dimensions = each.type.tensor_type.shape.dim
        given = wanted.get(each.name)
        if given is not None and len(given) != len(dimensions):
            raise UsageError(f"the input {each.name!r} has {len(dimensions)} sizes, got {given}")
        for place, dimension in enumerate(dimensions):
            is_open = not dimension.HasField("dim_value")
            if given is None and is_open:
                found.append(f"{each.name}[{dimension.dim_param or place}]")
            size = given[place] if given is not None else 1
            if not is_open and given is not None and dimension.dim_value != size:
                raise UsageError(
                    f"the input {each.name!r} is {dimension.dim_value} at place {place}, got {size}"
                )
            dimension.dim_value = size if is_open else dimension.dim_value
    return found


def _named(shapes: Mapping[str | None, Any], names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    if None in shapes and len(names) != 1:
        raise UsageError(f"the model has the inputs {', '.join(names)}: name each shape")
    sizes = {key: tuple(getattr(value, "shape", value)) for key, value in shapes.items()}
    wanted = {names[0] if key is None else key: value for key, value in sizes.items()}
    for name in wanted:
        if name not in names:
            raise UsageError(f"the model has no input {name!r}, only {', '.join(names)}")
    return wanted


def _lighten(onnx: Any, graph: Any) -> None:
    """Turn weights into inputs: a model of gigabytes cannot be passed on whole."""
    declared = {each.name for each in graph.input}
    for weight in [each for each in graph.initializer if _is_large(each)]:
        if weight.name not in declared:
            make = onnx.helper.make_tensor_value_info
            graph.input.append(make(weight.name, weight.data_type, list(weight.dims)))
        graph.initializer.remove(weight)


def _is_large(weight: Any) -> bool:
    return bool(math.prod(weight.dims) >= _LARGE or weight.data_location == weight.EXTERNAL)


def _tensors(onnx: Any, graph: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for weight in graph.initializer:  # results of arithmetic that was done beforehand
        found[weight.name] = _constant(onnx, weight)
    for each in (*graph.input, *graph.value_info, *graph.output):
        kind = each.type.tensor_type
        if each.type.HasField("tensor_type") and kind.HasField("shape"):
            sizes = [d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim]
            found[each.name] = Tensor(_dtype(onnx, kind.elem_type), tuple(sizes))
    return found


def _layers(
    nodes: Iterable[Any], tensors: Mapping[str, Tensor], parameters: Set[str]
) -> Iterator[Layer]:
    counted: set[str] = set()
    for place, node in enumerate(nodes):
        if node.op_type == "Constant":
            continue
        weights = [name for name in dict.fromkeys(node.input) if name in parameters]
        own = [name for name in weights if name not in counted]
        counted.update(own)
        inputs = _known(tensors, node.input)
        outputs = _known(tensors, node.output)
        yield Layer(
            name=node.name or f"{node.op_type}_{place}",
            op_type=node.op_type,
            inputs=tuple(_known(tensors, [n for n in node.input if n not in weights])),
            outputs=tuple(outputs),
            weights=tuple(tensors[name] for name in own),
            macs=_macs(node, inputs, outputs),
            reads=tuple(tensors[name] for name in weights if name not in own),
        )


def _parameters(graph: Any, constants: Mapping[str, Tensor]) -> set[str]:
    """Return the names of parameters, without what arithmetic and formulas are made of.

    These are integers of shapes, scalars, and small constants that stand as nodes.
    """
    nodes = {node.output[0] for node in graph.node if node.op_type == "Constant" and node.output}
    return {
        name
        for name, each in constants.items()
        if each.shape and each.dtype not in _NO_PARAMETERS
        if name not in nodes or (each.elements or 0) >= _LARGE
    }


def _known(tensors: Mapping[str, Tensor], names: Iterable[str]) -> list[Tensor]:
    """Return the tensors by their names, in place; one of which nothing is known has no type."""
    return [tensors.get(name, Tensor(None, (-1,))) for name in names if name]


def _macs(node: Any, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int | None:
    projects = node.domain == "com.microsoft" and node.op_type == "Attention"
    if node.domain not in _OURS or node.op_type in _NESTED or projects:
        return None
    return multiply_adds(node.op_type, inputs, outputs)
