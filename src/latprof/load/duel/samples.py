"""Inputs made up from the shapes that a model declares, where its user gives none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError

__all__ = ["samples"]

COUNT = 8
USUAL, OTHER = 32, 48  # sizes of a dimension that may vary; the second shows a shape seen first
Spec = Mapping[str, Any]


def samples(specs: Sequence[Spec], seed: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Return eight inputs, the last of another shape where shapes may vary.

    Floats are drawn from a normal distribution. Integers are ones: a row of an embedding that
    exists, and a mask that hides nothing. A first dimension that may vary is 1, any other 32.

    Args:
        specs: What a model declares: `name`, `dtype`, `shape` with None for what may vary, and
            `required`.
        seed: Of the draws.

    Raises:
        UsageError: The model does not say a type or a shape.
    """
    rng = np.random.default_rng(seed)
    wanted = [spec for spec in specs if spec["required"]]
    if not wanted:
        raise UsageError("no arm declares inputs to make up: give --inputs (inputs=)")
    sizes = [USUAL] * (COUNT - 1) + [OTHER]
    return [{spec["name"]: _array(spec, size, rng) for spec in wanted} for size in sizes]


def _array(spec: Spec, size: int, rng: np.random.Generator) -> NDArray[Any]:
    if spec["dtype"] is None or spec["shape"] is None:
        raise UsageError(
            f"the model does not say type and shape of {spec['name']!r}: give --inputs (inputs=)"
        )
    dtype, shape = np.dtype(spec["dtype"]), tuple(_sizes(spec["shape"], size))
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return np.full(shape, "" if dtype.kind in "OU" else 1, dtype=dtype)


def _sizes(shape: Sequence[int | None], size: int) -> Iterator[int]:
    for at, known in enumerate(shape):
        yield known if known is not None else 1 if at == 0 else size
