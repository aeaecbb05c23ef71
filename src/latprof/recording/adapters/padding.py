"""Padding: which input of a model says what is a token, and how many are none.

A mask is known by its name, or by what it holds: 0 and 1 alone, in the shape of the ids, each row
beginning with 1. Where there is none, a row of ids that ends in the same id over and over is padded
from the second of these on: a token seldom stands twice at the end, and one alone is not counted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["MASK", "on_host", "padded", "places_of"]

MASK, _IDS = "attention_mask", "input_ids"
_ROWS = 2  # dimensions of ids: rows of tokens
_MOST_SEARCHED = 1 << 20  # elements: what is larger is no ids, and takes long to look through


def on_host(array: Any) -> Any:
    """Return an array as numpy's, in place; None where it is on a device, or of no such kind."""
    device: Any = getattr(array, "device", "cpu")
    if device != "cpu" and getattr(device, "type", "") != "cpu":
        return None
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(array, numpy.ndarray):
        return array
    return array.numpy() if hasattr(array, "numpy") else None


def places_of(found: Sequence[tuple[str, Any]]) -> tuple[int, int]:
    """Return where among the inputs of a model ids and mask are; -1 for what is not there.

    Args:
        found: (name, array) of each; a name may be empty.

    >>> import numpy as np
    >>> ids, mask = np.array([[5, 6, 0]]), np.array([[1, 1, 0]])
    >>> places_of([("", ids), ("", mask), ("", np.zeros_like(ids))])
    (0, 1)
    """
    names = [name for name, _ in found]
    mask = names.index(MASK) if MASK in names else -1
    ids = names.index(_IDS) if _IDS in names else mask
    if ids < 0:
        ids = next((at for at, (_, array) in enumerate(found) if _is_ids(array)), -1)
    if mask < 0 <= ids:
        mask = _mask_beside(found, ids)
    return ids, mask


def _is_ids(array: Any) -> bool:
    shape = array.shape
    if len(shape) != _ROWS or shape[1] < _ROWS or "int" not in str(array.dtype):
        return False
    return bool(shape[0] * shape[1] <= _MOST_SEARCHED and on_host(array) is not None)


def _mask_beside(found: Sequence[tuple[str, Any]], ids: int) -> int:
    shape = found[ids][1].shape
    others = (at for at, (_, array) in enumerate(found) if at != ids and array.shape == shape)
    return next((at for at in others if _is_mask(found[at][1])), -1)


def _is_mask(array: Any) -> bool:
    values = on_host(array)
    if values is None or values.ndim != _ROWS or values.size == 0:
        return False
    return bool((values[:, 0] == 1).all() and ((values == 0) | (values == 1)).all())


def padded(ids: Any) -> int:
    """Return how many places of ids are padding, told by what their rows end in.

    Args:
        ids: Shape (rows, length), on the host.

    >>> import numpy as np
    >>> padded(np.array([[7, 8, 0, 0], [7, 8, 9, 6]]))
    1
    """
    values = on_host(ids)
    if values is None or values.ndim != _ROWS or values.shape[1] < _ROWS:
        return 0
    last = values[:, -1:]
    if not (values[:, -2:-1] == last).any():
        return 0
    differs = values[:, ::-1] != last
    run = differs.argmax(axis=1)  # 0 where all of a row is the same: nothing can be told of it
    return int((run - (run > 0)).sum())
