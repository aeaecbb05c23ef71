"""Floating-point operations of an operator, where its shapes tell them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from latprof.analysis.ops.operator import Tensor

__all__ = ["operations"]

Tensors = Sequence[Tensor]
_MATMUL_INPUTS = 2
_ATTENTION_INPUTS = 3
_FEWEST_CONV_DIMENSIONS = 3


def operations(operator: pd.Series) -> int | None:
    """Return the floating-point operations of one execution, a multiply-add counted as two.

    Known are convolutions, matrix products (of ONNX Runtime, TensorRT, OpenVINO and torch),
    operators that work element by element (one operation an element) and those that only move data
    (none).

    Args:
        operator: A row of `read_ops`' table.

    Returns:
        The count; None where the kind of operator or the shapes do not tell it.
    """
    kind, tensors = operator["op_type"], (operator["inputs"], operator["outputs"])
    if any(tensor.elements is None for tensor in (*tensors[0], *tensors[1])):
        return None
    if kind in _PRODUCTS:
        macs = _PRODUCTS[kind](*tensors, operator["weights"])
        return None if macs is None else 2 * macs
    if kind in _ELEMENTWISE:
        return tensors[1][0].elements if tensors[1] else None
    return 0 if kind in _MOVING else None


def multiply_adds(op_type: str, inputs: Tensors, outputs: Tensors) -> int | None:
    """Return the multiply-adds of a node of ONNX; None where it has some and shapes do not tell.

    Args:
        op_type: Of the node.
        inputs: Its inputs, weights among them.
        outputs: Its outputs.
    """
    count = _PRODUCTS.get(op_type)
    if count is None:
        return None if op_type in _UNCOUNTED else 0
    if any(tensor.elements is None for tensor in (*inputs, *outputs)):
        return None
    return count(inputs, outputs, ())


def _convolution(inputs: Tensors, outputs: Tensors, weights: Tensors) -> int | None:
    """Each output element takes a multiply-add for each weight of its channel."""
    kernels = weights[:1] or _kernels(inputs)
    if not kernels or not outputs or len(outputs[0].shape) < _FEWEST_CONV_DIMENSIONS:
        return None
    channels, elements = outputs[0].shape[1], outputs[0].elements
    taps, rest = divmod(kernels[0].elements or 0, channels or 1)
    return elements * taps if elements and taps and not rest else None


def _kernels(inputs: Tensors) -> Tensors:
    """Return the weights among inputs: quantised ones stand behind scales and zero points."""
    return [each for each in inputs[1:] if len(each.shape) >= _FEWEST_CONV_DIMENSIONS][:1]


def _spreading(inputs: Tensors, _: Tensors, __: Tensors) -> int | None:
    """Each input element of a transposed convolution meets the weights of its channel."""
    kernels = _kernels(inputs)
    if not kernels or not inputs[0].elements or not kernels[0].elements:
        return None
    return inputs[0].elements * (kernels[0].elements // kernels[0].shape[0])


def _product(inputs: Tensors, outputs: Tensors, _: Tensors) -> int | None:
    """Every element of the left matrix meets every column of the result.

    The right matrix is not looked at: onnxruntime leaves it out once it is packed. A left matrix
    that is broadcast over a batch is counted once for each.
    """
    if not inputs or not outputs or not outputs[0].shape or not inputs[0].elements:
        return None
    left, result = inputs[0], outputs[0]
    batch = math.prod(result.shape[:-2]) // max(math.prod(left.shape[:-2]), 1)
    return left.elements * max(batch, 1) * result.shape[-1] if left.elements else None


def _attention(inputs: Tensors, outputs: Tensors, _: Tensors) -> int | None:
    """Each key meets every element of the queries, and each value one of the result."""
    if len(inputs) < _ATTENTION_INPUTS or not outputs or len(inputs[1].shape) < _MATMUL_INPUTS:
        return None
    query, result = inputs[0].elements, outputs[0].elements
    return None if query is None or result is None else (query + result) * inputs[1].shape[-2]


def _recurrent(inputs: Tensors, _: Tensors, __: Tensors) -> int | None:
    """Every step of every sequence meets the weights of input and state."""
    if len(inputs) < _ATTENTION_INPUTS or len(inputs[0].shape) < _FEWEST_CONV_DIMENSIONS:
        return None
    weights = (inputs[1].elements or 0) + (inputs[2].elements or 0)
    return math.prod(inputs[0].shape[:2]) * weights


def _torch_product(inputs: Tensors, _: Tensors, __: Tensors) -> int | None:
    """Product of the last two matrices (`addmm` has a bias before them)."""
    matrices = [tensor for tensor in inputs if len(tensor.shape) >= _MATMUL_INPUTS]
    if len(matrices) < _MATMUL_INPUTS:
        return None
    left, right = matrices[-2:]
    return left.elements * right.shape[-1] if left.elements is not None else None


_PRODUCTS: dict[str, Callable[[Tensors, Tensors, Tensors], int | None]] = {
    **dict.fromkeys(
        ("Conv", "FusedConv", "Convolution", "ConvInteger", "QLinearConv"), _convolution
    ),
    "ConvTranspose": _spreading,
    **dict.fromkeys(
        (
            *("MatMul", "Gemm", "FusedGemm", "FusedMatMul", "MatrixMultiply", "FullyConnected"),
            *("MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
        ),
        _product,
    ),
    **dict.fromkeys(("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"), _torch_product),
    **dict.fromkeys(("Attention", "MultiHeadAttention"), _attention),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
}
_UNCOUNTED = frozenset(["Einsum", "DeformConv", "If", "Loop", "Scan"])
_ELEMENTWISE = frozenset(["Add", "Sub", "Mul", "Div", "Relu", "Clip", "Neg", "Abs"])
_MOVING = frozenset(
    [
        *("Reformat", "NoOp", "Reshape", "Transpose", "Concat", "Slice"),
        *("Identity", "Flatten", "ReorderInput", "ReorderOutput"),
    ]
)
