"""Arrays of many inputs, cut into inputs of the shapes that models declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError

__all__ = ["cut"]

Shape = Sequence[int | None]


def cut(
    arrays: Mapping[str, NDArray[Any]], specs: Iterable[Mapping[str, Any]]
) -> list[dict[str, NDArray[Any]]]:
    """Return the inputs that arrays hold along their first axis.

    Where a model declares a first axis of `k`, each input takes `k` of it; of one that may vary,
    and of inputs that no model declares, it takes 1 and keeps the axis. An array with one
    axis more than declared holds an input at each first index. One that is just an input stands
    for all where others hold many.

    Args:
        arrays: By the names of the inputs.
        specs: Inputs that the arms' models declare, as plain data: `name`, and `shape` with None
            for what may vary. Of several with one name, one with a fixed first axis counts.

    Raises:
        UsageError: An array does not divide so, or the arrays hold different numbers of inputs.

    >>> arrays = {"x": np.zeros((8, 3))}
    >>> [len(row["x"]) for row in cut(arrays, [{"name": "x", "shape": [4, 3]}])]
    [4, 4]
    >>> [row["x"].shape for row in cut(arrays, [])][:2]
    [(1, 3), (1, 3)]
    """
    if not arrays:
        raise UsageError("the inputs hold no array")
    shapes = _shapes(specs)
    parts = {name: _parts(name, array, shapes.get(name)) for name, array in arrays.items()}
    count = max(len(each) for each in parts.values())
    for name, each in parts.items():
        if len(each) not in (1, count):
            most = max(parts, key=lambda other: len(parts[other]))
            raise UsageError(
                f"the array {name!r} holds {len(each)} inputs and {most!r} {count}: give each "
                "array one common number of inputs as first size"
            )
    return [
        {name: each[at if len(each) > 1 else 0] for name, each in parts.items()}
        for at in range(count)
    ]


def _shapes(specs: Iterable[Mapping[str, Any]]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for spec in specs:
        name, shape = spec["name"], spec["shape"]
        if shape is not None and not (shapes.get(name) or [None])[0]:
            shapes[name] = shape
    return shapes


def _parts(name: str, array: NDArray[Any], shape: Shape | None) -> Sequence[NDArray[Any]]:
    """Return the inputs in one array."""
    if shape is not None and array.ndim == len(shape):
        size = (shape[0] if shape else None) or 1
    elif shape is not None and array.ndim == len(shape) + 1:
        return [np.asarray(each) for each in _filled(name, array)]
    elif shape is not None:
        wanted = ", ".join("?" if each is None else str(each) for each in shape)
        raise UsageError(
            f"the array {name!r} has the shape {list(array.shape)}, and the model takes "
            f"[{wanted}]: give it these axes, with all inputs along the first"
        )
    else:
        size = 1
    if array.ndim == 0:
        return [array]
    if len(_filled(name, array)) % size:
        raise UsageError(
            f"the array {name!r} has {len(array)} rows, and the model takes {size} at a time: give "
            f"a multiple of {size}"
        )
    return [array[at : at + size] for at in range(0, len(array), size)]


def _filled(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not len(array):
        raise UsageError(f"the array {name!r} holds no input: its first size is 0")
    return array
