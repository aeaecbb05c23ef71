"""Shapes of a graph whose shapes are computed: its arithmetic of shapes is done beforehand.

A model exported with open sizes asks its tensors for their shapes and computes others from them.
ONNX's own inference follows that only part of the way. With the inputs' sizes fixed, these small
integers are known: they are computed by ONNX's reference implementation and put in as constants.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import ModelFormatError

__all__ = ["inferred"]

_MOST_PASSES = (
    64  # each resolves at least one more computed shape; models have some twenty in a row
)
_MOST_ELEMENTS = 1 << 12
_ARITHMETIC = frozenset(
    [
        *("Abs", "Add", "And", "Cast", "Ceil", "Concat", "Div", "Equal", "Floor", "Gather"),
        *("Greater", "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow"),
        *("ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Slice", "Split"),
        *("Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    ]
)
_GROWING = ("ConstantOfShape", "Range")  # a damaged model may ask them for terabytes

Values = dict[str, NDArray[Any]]


def inferred(path: Path, model: Any) -> Any:
    """Return the graph of a model with as many shapes as can be known; `model` is changed.

    Args:
        path: For the message.
        model: An `onnx.ModelProto` whose inputs have their sizes.

    Raises:
        ModelFormatError: The inference refuses the model.
    """
    onnx = importlib.import_module("onnx")
    values = dict(_small(onnx, model.graph))
    opsets = {each.domain: each.version for each in model.opset_import}
    graph = _once(onnx, path, model)
    for _ in range(_MOST_PASSES):
        found = _fold(model.graph, graph, values, opsets)
        if not found:
            break
        for name, value in found.items():
            model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
        graph = _once(onnx, path, model)
    return graph


def _once(onnx: Any, path: Path, model: Any) -> Any:
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelFormatError(path, f"its shapes cannot be inferred: {reason}") from error


def _small(onnx: Any, graph: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the small constants with their values; a damaged one is none."""
    tensors = [(each.name, each) for each in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            tensors += [(node.output[0], each.t) for each in node.attribute if each.name == "value"]
    for name, tensor in tensors:
        if math.prod(tensor.dims) <= _MOST_ELEMENTS and tensor.data_location != tensor.EXTERNAL:
            try:
                yield name, onnx.numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError):  # no such type of element
                continue


def _fold(graph: Any, known: Any, values: Values, opsets: Mapping[str, int]) -> Values:
    """Take nodes whose results can be known out of `graph`; return the results."""
    shapes = {
        each.name: tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)
        for each in (*known.input, *known.value_info, *known.output)
        if each.type.tensor_type.HasField("shape")
        for dims in [each.type.tensor_type.shape.dim]
    }
    ends = {each.name for each in graph.output}
    found: Values = {}
    for place in reversed(range(len(graph.node))):
        node = graph.node[place]
        if node.domain or ends & set(node.output):
            continue
        result = _result(node, shapes, values, opsets)
        if result is not None:
            found.update(zip(node.output, result, strict=False))
            del graph.node[place]
    values.update(found)
    return found


def _result(
    node: Any,
    shapes: Mapping[str, tuple[int, ...]],
    values: Values,
    opsets: Mapping[str, int],
) -> list[NDArray[Any]] | None:
    """Return what a node computes; None where that is not known, or not worth it."""
    if node.op_type == "Shape":
        shape = shapes.get(node.input[0]) if node.input else None
        return None if shape is None or -1 in shape else [_shape(node, shape)]
    inputs = {name: values.get(name) for name in node.input if name}
    arrays = {name: value for name, value in inputs.items() if value is not None}
    if len(arrays) < len(inputs) or not _is_small(node.op_type, list(arrays.values())):
        return None
    reference = importlib.import_module("onnx.reference")
    try:
        with np.errstate(all="ignore"):
            evaluator = reference.ReferenceEvaluator(node, opsets=dict(opsets))
            results: list[NDArray[Any]] = evaluator.run(None, arrays)
    except Exception:  # noqa: BLE001 - a node that cannot be computed stays one
        return None
    return results if all(isinstance(each, np.ndarray) for each in results) else None


def _shape(node: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    ends = {each.name: each.i for each in node.attribute}
    part = shape[ends.get("start", 0) : ends.get("end", len(shape))]
    return np.array(part, dtype=np.int64)


def _is_small(op_type: str, inputs: list[NDArray[Any]]) -> bool:
    if op_type == "ConstantOfShape" and len(inputs) == 1:
        return math.prod(inputs[0].tolist()) <= _MOST_ELEMENTS if inputs[0].ndim else False
    if op_type == "Range" and len(inputs) == 3 and all(each.size == 1 for each in inputs):
        start, limit, step = (each.item() for each in inputs)
        return bool(step) and (limit - start) / step <= _MOST_ELEMENTS
    return op_type in _ARITHMETIC and bool(inputs)
