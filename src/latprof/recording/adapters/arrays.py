"""Shapes and masks of the arrays that a call takes and returns, on the host only."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

from latprof.recording.adapters.facts import Facts

__all__ = ["Inputs", "counts", "named_arrays", "shape_of", "type_name"]

_MOST_SHAPES = 4096  # remembered for each model; what comes later is not called new
_NESTED = 3  # (args, kwargs), each of them, and a dict of arrays among them: no deeper


def shape_of(value: object) -> tuple[int, ...] | None:
    """Return the shape of an array of any library; None for what is none.

    >>> shape_of([1, 2]) is None
    True
    """
    shape: Any = getattr(value, "shape", None)
    return shape if isinstance(shape, tuple) and hasattr(value, "dtype") else None


def named_arrays(value: object) -> list[tuple[str, Any]]:
    """Return (name, array) of an array, or of those in mappings, lists and tuples, in order."""
    found: list[tuple[str, Any]] = []
    _collect(value, "", _NESTED, found)
    return found


def _collect(value: Any, name: str, depth: int, found: list[tuple[str, Any]]) -> None:
    # Plain containers first: asking whether something is any kind of mapping takes a microsecond.
    if isinstance(value, list | tuple):
        if depth > 0:
            for each in value:
                _collect(each, name, depth - 1, found)
    elif type(value) is not dict and shape_of(value) is not None:
        found.append((name, value))
    elif depth > 0 and value is not None and isinstance(value, Mapping):
        for key, each in value.items():
            _collect(each, str(key), depth - 1, found)


@functools.lru_cache(maxsize=64)
def type_name(dtype: object) -> str:
    """Return what a type of elements is called, whatever the library.

    >>> type_name("float32")
    'float32'
    """
    return str(dtype).removeprefix("torch.")


def counts(ids: Any, mask: Any) -> tuple[int, int, int] | None:
    """Return (rows, tokens, positions) of what a tokenizer made or a model gets.

    Args:
        ids: Token ids, as an array or as lists; one row or several.
        mask: The attention mask in the same form, 1 for a token and 0 for padding; None where
            there is none: then each position is a token.

    Returns:
        None where it cannot be read without waiting for a device, or is of another form.

    >>> counts([[5, 6, 0], [7, 8, 9]], [[1, 1, 0], [1, 1, 1]])
    (2, 5, 6)
    """
    shape = shape_of(ids)
    if shape is None:
        return _counts_of_lists(ids, mask)
    if len(shape) not in (1, 2):
        return None
    rows = shape[0] if len(shape) > 1 else 1
    positions = rows * shape[-1]
    if mask is None:
        return rows, positions, positions
    if shape_of(mask) != shape or not _on_host(mask):
        return None
    return rows, _nonzero(mask), positions


def _counts_of_lists(ids: Any, mask: Any) -> tuple[int, int, int]:
    if ids and isinstance(ids[0], int):
        ids, mask = [ids], None if mask is None else [mask]
    positions = sum(map(len, ids))
    return len(ids), positions if mask is None else sum(map(sum, mask)), positions


def _nonzero(mask: Any) -> int:
    # numpy counts in a fraction of the time that any sum takes, and reads torch's memory in place.
    as_array = getattr(mask, "numpy", None)
    return int(sys.modules["numpy"].count_nonzero(mask if as_array is None else as_array()))


def _on_host(array: Any) -> bool:
    device = getattr(array, "device", "cpu")
    return str(getattr(device, "type", device)) == "cpu"


class Inputs:
    """What one model was given so far: it knows which shapes are new."""

    def __init__(self) -> None:
        self._seen: set[tuple[tuple[int, ...], ...]] = set()

    def see(self, facts: Facts, given: object) -> None:
        """Note the inputs of one call.

        Args:
            facts: Of the current request.
            given: Arrays, or mappings or lists of arrays.
        """
        found = named_arrays(given)
        arrays = dict(reversed(found))  # of one name, the first counts
        shapes = tuple([array.shape for _, array in found])
        facts.add("forwards", 1)
        if not shapes:
            return
        facts.shaped(shapes[0])
        self._see_shapes(facts, shapes)
        mask = arrays.get("attention_mask")
        ids = arrays.get("input_ids", mask)
        counted = None if ids is None else counts(ids, mask)
        if counted is not None:
            facts.given(*counted[1:])

    def _see_shapes(self, facts: Facts, shapes: tuple[tuple[int, ...], ...]) -> None:
        is_new = shapes not in self._seen and len(self._seen) < _MOST_SHAPES
        if is_new:
            self._seen.add(shapes)
        facts.flag("first_seen_shape", is_new)
