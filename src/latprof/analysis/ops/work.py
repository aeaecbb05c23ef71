"""Floating-point operations of an operator, where its shapes tell them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from latprof.analysis.ops.operator import Tensor

__all__ = ["operations"]

Tensors = Sequence[Tensor]
_MATMUL_INPUTS = 2
_FEWEST_CONV_DIMENSIONS = 3


def operations(operator: pd.Series) -> int | None:
    """Return the floating-point operations of one execution, a multiply-add counted as two.

    Known are convolutions, matrix products (of ONNX Runtime, TensorRT and torch), operators that
    work element by element (one operation an element) and those that only move data (none).

    Args:
        operator: A row of `read_ops`' table.

    Returns:
        The count; None where the kind of operator or the shapes do not tell it.
    """
    count = _KNOWN.get(operator["op_type"])
    if count is None:
        return None
    tensors = operator["inputs"], operator["outputs"], operator["weights"]
    if any(tensor.elements is None for tensor in (*tensors[0], *tensors[1])):
        return None
    return count(*tensors)


def _convolution(inputs: Tensors, outputs: Tensors, weights: Tensors) -> int | None:
    """Each output element takes a multiply-add for each weight of its channel."""
    kernels = weights[:1] or inputs[1:2]
    if not kernels or not outputs or len(outputs[0].shape) < _FEWEST_CONV_DIMENSIONS:
        return None
    channels, elements = outputs[0].shape[1], outputs[0].elements
    taps, rest = divmod(kernels[0].elements or 0, channels or 1)
    return 2 * elements * taps if elements and taps and not rest else None


def _product(inputs: Tensors, outputs: Tensors, _: Tensors) -> int | None:
    """Every element of the left matrix meets every column of the result.

    The right matrix is not looked at: onnxruntime leaves it out once it is packed. A left matrix
    that is broadcast over a batch is counted once for each.
    """
    if not inputs or not outputs or not outputs[0].shape or not inputs[0].elements:
        return None
    left, result = inputs[0], outputs[0]
    batch = math.prod(result.shape[:-2]) // max(math.prod(left.shape[:-2]), 1)
    return 2 * left.elements * max(batch, 1) * result.shape[-1] if left.elements else None


def _torch_product(inputs: Tensors, _: Tensors, __: Tensors) -> int | None:
    """Product of the last two matrices (`addmm` has a bias before them)."""
    matrices = [tensor for tensor in inputs if len(tensor.shape) >= _MATMUL_INPUTS]
    if len(matrices) < _MATMUL_INPUTS:
        return None
    left, right = matrices[-2:]
    return 2 * left.elements * right.shape[-1] if left.elements is not None else None


def _elementwise(_: Tensors, outputs: Tensors, __: Tensors) -> int | None:
    return outputs[0].elements if outputs else None


def _movement(_: Tensors, __: Tensors, ___: Tensors) -> int | None:
    return 0


_KNOWN: dict[str, Callable[[Tensors, Tensors, Tensors], int | None]] = {
    **dict.fromkeys(
        ("Conv", "FusedConv", "Convolution", "ConvInteger", "QLinearConv"), _convolution
    ),
    **dict.fromkeys(("MatMul", "Gemm", "FusedGemm", "FusedMatMul", "MatrixMultiply"), _product),
    **dict.fromkeys(("aten::mm", "aten::addmm", "aten::bmm"), _torch_product),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Relu", "Clip", "Neg", "Abs"), _elementwise),
    **dict.fromkeys(("Reformat", "NoOp", "Reshape", "Transpose", "Concat", "Slice"), _movement),
    **dict.fromkeys(("Identity", "Flatten", "ReorderInput", "ReorderOutput"), _movement),
}
