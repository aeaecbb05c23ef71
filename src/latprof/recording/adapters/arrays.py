"""Shapes and masks of the arrays that a call takes and returns, on the host only."""

from __future__ import annotations

import functools
import operator
import sys
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.padding import MASK, padded, places_of

__all__ = [
    "MASK",
    "Form",
    "Given",
    "Inputs",
    "counts",
    "mapping_in",
    "named_arrays",
    "shape_of",
    "tell_inputs",
    "type_name",
]

_MOST_SHAPES = 4096  # remembered for each model; what comes later is not called new
_NESTED = 3  # (args, kwargs), each of them, and a dict of arrays among them: no deeper
_shape = operator.attrgetter("shape")


def shape_of(value: object) -> tuple[int, ...] | None:
    """Return the shape of an array of any library; None for what is none.

    >>> shape_of([1, 2]) is None
    True
    """
    shape: Any = getattr(value, "shape", None)
    return shape if isinstance(shape, tuple) and hasattr(value, "dtype") else None


def mapping_in(value: object) -> Mapping[Any, Any] | None:
    """Return a mapping as quick to read as it can be had; None for what is none.

    >>> mapping_in(UserDict(ids=1))
    {'ids': 1}
    """
    if isinstance(value, dict):
        return value
    if isinstance(
        value, UserDict
    ):  # as in transformers, whose own reading takes several times that
        return value.data
    return value if isinstance(value, Mapping) else None


def named_arrays(value: object) -> list[tuple[str, Any]]:
    """Return (name, array) of an array, or of those in mappings, lists and tuples, in order."""
    if shape_of(value) is not None:
        return [("", value)]
    found: list[tuple[str, Any]] = []
    _collect(value, "", _NESTED, found)
    return found


def _collect(value: Any, name: str, depth: int, found: list[tuple[str, Any]]) -> None:
    # Plain containers first: asking whether something is any kind of mapping takes a microsecond.
    if isinstance(value, list | tuple):
        items = [(name, each) for each in value]
    else:
        items = list((mapping_in(value) or {}).items())
    for key, each in items:
        if shape_of(each) is not None:
            found.append((str(key), each))
        elif depth > 1 and each is not None:
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
    tokens = _nonzero(mask) if shape_of(mask) == shape else -1
    return None if tokens < 0 else (rows, tokens, positions)


def _counts_of_lists(ids: Any, mask: Any) -> tuple[int, int, int]:
    if ids and isinstance(ids[0], int):
        ids, mask = [ids], None if mask is None else [mask]
    positions = sum(map(len, ids))
    return len(ids), positions if mask is None else sum(map(sum, mask)), positions


def _nonzero(mask: Any) -> int:
    """Return how many elements are not zero; -1 where that would wait for a device."""
    # numpy counts in a fraction of the time that any sum takes, and reads torch's memory in place.
    device: Any = mask.device
    if device == "cpu":
        return _counting()(mask)
    return _counting()(mask.numpy()) if getattr(device, "type", "") == "cpu" else -1


@functools.cache
def _counting() -> Callable[[Any], int]:
    """Return what counts in an array: numpy's own, without its dispatch, which takes longer."""
    numpy = sys.modules["numpy"]
    inner = sys.modules.get("numpy._core.multiarray")
    counting: Callable[[Any], int] = getattr(inner, "count_nonzero", numpy.count_nonzero)
    return counting


class Form:
    """What calls with inputs of the same names and shapes have in common.

    Attributes:
        shape: Of the first input; None where there is none.
        positions: Places for tokens that the inputs have, padding included; -1 where unknown.
    """

    __slots__ = ("_ids", "_mask", "positions", "shape")

    def __init__(self, found: Sequence[tuple[str, Any]]) -> None:
        self.shape = tuple(map(int, found[0][1].shape)) if found else None
        self._ids, self._mask = places_of(found)
        ids = found[self._ids][1] if self._ids >= 0 else None
        counted = None if ids is None else counts(ids, None)
        if self._mask >= 0 and (ids is None or found[self._mask][1].shape != ids.shape):
            counted = None
        self.positions = -1 if counted is None else counted[2]

    def tokens(self, arrays: Sequence[Any]) -> int:
        """Return how many tokens inputs of this form hold; -1 where that cannot be read."""
        if self.positions < 0:
            return -1
        if self._mask >= 0:
            return _nonzero(arrays[self._mask])
        return self.positions - padded(arrays[self._ids])


Given = tuple[Form, bool, int]
"""The inputs of one call: their form, whether their shapes are new, and the tokens they hold."""


class Inputs:
    """What one model was given so far: it knows which shapes are new.

    Inputs of known names and shapes are looked up at once, since this happens inside requests.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[tuple[int, ...], ...]] = set()
        self._forms: dict[object, Form] = {}

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given:
        """Return what is known of the inputs of one call, for `tell_inputs`.

        Args:
            args: Arrays, or mappings or lists of arrays.
            kwargs: The same, with names.
        """
        if len(args) == 1 and not kwargs and (held := mapping_in(args[0])) is not None:
            args, kwargs = (), held
        try:
            key = (*map(_shape, args), *kwargs, *map(_shape, kwargs.values()))
        except AttributeError:  # not all are arrays
            return self._search(args, kwargs)
        form = self._forms.get(key)
        if form is not None:
            return form, False, form.tokens((*args, *kwargs.values()))
        found = self._search(args, kwargs)
        if all(shape_of(each) is not None for each in (*args, *kwargs.values())):
            self._remember(key, found[0])
        return found

    def _search(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given:
        """Return the same of inputs that are met for the first time, or lie deeper."""
        found = named_arrays((args, kwargs))
        arrays = [array for _, array in found]
        shapes = tuple([array.shape for array in arrays])
        is_new = bool(shapes) and shapes not in self._seen and len(self._seen) < _MOST_SHAPES
        if is_new:
            self._seen.add(shapes)
        key = (*[name for name, _ in found], None, *shapes)
        form = self._forms.get(key)
        if form is None:
            form = Form(found)
            self._remember(key, form)
        return form, is_new, form.tokens(arrays)

    def _remember(self, key: object, form: Form) -> None:
        if len(self._forms) < _MOST_SHAPES:
            self._forms[key] = form


def tell_inputs(facts: Facts, form: Form, is_new: bool, tokens: int) -> None:  # noqa: FBT001 - a fact
    """Note the inputs of one call: what `Inputs.look` has returned."""
    facts.built()
    facts.add("forwards", 1)
    if form.shape is None:
        return
    facts.shaped(form.shape)
    facts.once(form, "shapes", 1)
    facts.add("model_elements", prod(form.shape))
    facts.add("model_rows", form.shape[0] if len(form.shape) > 1 else 1)
    facts.flag("first_seen_shape", is_new)
    if tokens >= 0:
        facts.given(tokens, form.positions)
