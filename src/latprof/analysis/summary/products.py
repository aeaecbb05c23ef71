"""Multiply-adds of the operators that torch dispatches, from the shapes of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["macs_of"]

_ATTENTION = "_scaled_dot_product_"


def macs_of(torch: Any, name: str, arguments: Sequence[Any], output: Any) -> int:
    """Return the multiply-adds of one call of an operator; 0 for what is no product.

    Args:
        torch: The imported package.
        name: Of the operator in `torch.ops.aten`.
        arguments: Those given by position.
        output: What it returned.
    """
    tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
    if name.startswith(_ATTENTION) and len(tensors) >= 3:
        return _attention(tensors)
    count = _COUNTS.get(name)
    return 0 if count is None else count(tensors, output)


def _attention(tensors: Sequence[Any]) -> int:
    """Every query meets every key, and every such pair a value."""
    query, key, value = tensors[:3]
    pairs = query.numel() // query.shape[-1] * key.shape[-2]
    return int(pairs * (query.shape[-1] + value.shape[-1]))


def _product(tensors: Sequence[Any], _: Any) -> int:
    left, right = tensors[-2:]
    return int(left.numel() * right.shape[-1])


def _by_vector(tensors: Sequence[Any], _: Any) -> int:
    return int(tensors[-2].numel())


def _convolution(tensors: Sequence[Any], output: Any) -> int:
    """Each output takes the taps of its channel; transposed, each input spreads over them.

    Which of the two it is shows in the weights: their first axis is that of the output's channels,
    or that of the input's.
    """
    image, weight = tensors[:2]
    spreads = weight.shape[0] != output.shape[1] and weight.shape[0] == image.shape[1]
    taps = weight.numel() // max(weight.shape[0], 1)
    return int((image if spreads else output).numel() * taps)


def _recurrent(tensors: Sequence[Any], _: Any) -> int:
    """Every step of every sequence meets the weights of input and state."""
    steps, batch = tensors[0].shape[:2]
    return int(steps * batch * (tensors[1].numel() + tensors[2].numel()))


_COUNTS: dict[str, Callable[[Sequence[Any], Any], int]] = {
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), _product),
    **dict.fromkeys(("mv", "addmv", "dot", "vdot"), _by_vector),
    **dict.fromkeys(("convolution", "mkldnn_convolution", "_convolution"), _convolution),
    "mkldnn_rnn_layer": _recurrent,
}
