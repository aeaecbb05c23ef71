"""Inputs: whatever the user has, as the list that requests are drawn from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from latprof.errors import UsageError

__all__ = ["input_list"]


def input_list(inputs: object, most: int | None = None) -> list[Any]:
    """Return the inputs as a list, made before the clock starts.

    Args:
        inputs: Any iterable. The rows of a DataFrame come as dicts, those of an array or tensor
            as its sub-arrays. Text, bytes and dicts are refused: they are one input.
        most: Of an iterator (a generator, say) take this many at most, as it may be endless.

    Raises:
        UsageError: It is not iterable, or empty, or one input taken for many.

    >>> input_list(range(3))
    [0, 1, 2]
    """
    if isinstance(inputs, str | bytes | bytearray | Mapping):
        raise UsageError(
            f"inputs is a {type(inputs).__name__}, which would be taken apart: "
            "put a single input into a list, inputs=[x]"
        )
    pandas = sys.modules.get("pandas")  # whoever holds a DataFrame has imported it
    if pandas is not None and isinstance(inputs, pandas.DataFrame):
        inputs = inputs.to_dict("records")
    rows = list(islice(_iterator(inputs), most if isinstance(inputs, Iterator) else None))
    if not rows:
        raise UsageError("inputs is empty: give at least one")
    return rows


def _iterator(inputs: object) -> Iterator[Any]:
    try:
        return iter(inputs)  # type: ignore[call-overload, no-any-return]
    except TypeError as error:  # an array without dimensions says so only here
        raise UsageError(
            f"inputs is {type(inputs).__name__}, which cannot be iterated over: give a list"
        ) from error
