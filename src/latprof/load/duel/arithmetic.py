"""How many roundings lie on the longest path through an ONNX model: what parity is judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Roundings", "roundings"]

_QUANTISED = ("Quantize", "QLinear", "Integer")
_PRODUCTS = {"MatMul", "Gemm", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN"}
_MOVED = {"Constant", "Shape", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity"}


@dataclass(frozen=True, slots=True)
class Roundings:
    """Counted along the longest path from an input to an output.

    Attributes:
        stores: Operators that round their result.
        terms: Summed lengths of the sums of products.
        quantised: Whether the model computes with quantised integers somewhere.
    """

    stores: int
    terms: int
    quantised: bool


def roundings(file: Path) -> Roundings | None:
    """Count the roundings of a model file.

    Where both factors of a product are computed, as in attention, the length of its sums is taken
    to be the longest that the weights show.

    Args:
        file: The model. External weights are not needed: shapes stand in the file.

    Returns:
        None where it is no ONNX file, or `onnx` is not installed to read it.
    """
    if file.suffix.lower() != ".onnx":
        return None
    try:
        import onnx
    except ImportError:
        return None
    try:
        graph = onnx.load(str(file), load_external_data=False).graph
    except Exception:  # noqa: BLE001 - whatever protobuf says: the runtimes will say it better
        return None
    return _longest(graph)


def _longest(graph: Any) -> Roundings:
    weights = {each.name: tuple(each.dims) for each in graph.initializer}
    lengths = [_length(node, weights) for node in graph.node]
    usual = max((length for length in lengths if length), default=1)
    reached: dict[str, tuple[int, int]] = {}
    for node, length in zip(graph.node, lengths, strict=True):
        terms, stores = max((reached.get(name, (0, 0)) for name in node.input), default=(0, 0))
        if node.op_type in _PRODUCTS:
            terms += length or usual
        stores += node.op_type not in _MOVED
        reached.update(dict.fromkeys(node.output, (terms, stores)))
    terms, stores = max(reached.values(), default=(0, 0))
    quantised = any(word in node.op_type for node in graph.node for word in _QUANTISED)
    return Roundings(max(1, stores), max(1, terms), quantised)


def _length(node: Any, weights: Mapping[str, tuple[int, ...]]) -> int | None:
    """Return how many products each sum of a node has; None where its weights do not tell."""
    if node.op_type not in _PRODUCTS:
        return None
    shapes = [weights.get(name) for name in node.input]
    if node.op_type in {"Conv", "ConvTranspose"}:
        kernel = shapes[1] if len(shapes) > 1 else None
        return math.prod(kernel[1:]) if kernel else None
    if node.op_type in {"LSTM", "GRU", "RNN"}:
        return sum(shape[-1] for shape in shapes[1:3] if shape) or None
    return _product_length(node, shapes)


def _product_length(node: Any, shapes: list[tuple[int, ...] | None]) -> int | None:
    left, right = (*shapes, None, None)[:2]
    flipped = {each.name for each in node.attribute if each.i == 1}
    if right:
        rows = -1 if "transB" in flipped or len(right) == 1 else -2
        return right[rows]
    if left:
        return left[-2 if "transA" in flipped else -1]
    return None
