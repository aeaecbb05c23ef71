"""What requests take: which input, and how large it is, told when a request is written.

Nothing of this happens inside requests: the number of a request says which input it took, and each
input is measured once, on the recorder's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latprof.load.supply import places
from latprof.run.attributes import encode

if TYPE_CHECKING:
    from latprof.load.scenarios.plan import Plan

__all__ = ["Sizes", "bytes_of", "size_of"]

_NUMBER_BYTES = 8
_DEEPEST = 8
_MOST_LOOKED_AT = 512  # items of a list: what is longer is measured by so many, evenly chosen


def size_of(value: Any) -> int | None:
    """Return characters of a text, bytes of bytes, elements of an array, items of a list.

    Of a mapping the sizes of its values together; None of what has no size, such as a number.

    >>> size_of("a film"), size_of([1, 2, 3]), size_of({"text": "good", "top": 3}), size_of(7)
    (6, 3, 4, None)
    """
    if isinstance(value, Mapping):
        sizes = [size for each in value.values() if (size := size_of(each)) is not None]
        return sum(sizes) if sizes else None
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        elements = 1
        for extent in shape:
            elements *= int(extent)
        return elements
    try:
        return len(value)
    except TypeError:
        return None


def bytes_of(value: Any, depth: int = _DEEPEST) -> int | None:
    """Return how many bytes an input holds: of texts in UTF-8, of arrays, of numbers 8 each.

    Long lists are measured by some of their items. None of what is of no such kind.

    >>> bytes_of("né"), bytes_of([1.0, 2.0]), bytes_of({"text": "good", "data": b"abc"})
    (3, 16, 7)
    """
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes | bytearray | memoryview):
        return memoryview(value).nbytes
    if isinstance(getattr(value, "nbytes", None), int):
        return int(value.nbytes)
    if isinstance(value, bool | int | float):
        return _NUMBER_BYTES
    items = value.values() if isinstance(value, Mapping) else value
    if not depth or not isinstance(value, Mapping | list | tuple):
        return None
    return _of_items(list(items), depth - 1)


def _of_items(items: Sequence[Any], depth: int) -> int:
    step = max(1, len(items) // _MOST_LOOKED_AT)
    looked_at = items[::step]
    total = sum(bytes_of(each, depth) or 0 for each in looked_at)
    return round(total * len(items) / len(looked_at)) if looked_at else 0


class Sizes:
    """Tells of each request `input`, `input_size` and `input_bytes`.

    Args:
        inputs: All of them.
        plan: Says which of them a request takes.
    """

    def __init__(self, inputs: Sequence[Any], plan: Plan) -> None:
        self._inputs, self._plan = inputs, plan
        self._told: dict[int, tuple[Mapping[str, object], str]] = {}

    def __call__(
        self, request_id: int, noted: Mapping[str, object] | None
    ) -> tuple[Mapping[str, object], str]:
        """Return the columns of a request, and the same as JSON.

        Args:
            request_id: Its number.
            noted: What else is known of it; the input that it took, where that was drawn.
        """
        if self._plan.batch is not None:
            return self._of_batch(request_id)
        drawn = None if noted is None or self._plan.order is None else noted.get("input")
        place = drawn if isinstance(drawn, int) else request_id % len(self._inputs)
        told = self._told.get(place)
        if told is None:
            told = self._told[place] = self._tell(place, [self._inputs[place]])
        return told

    def _of_batch(self, request_id: int) -> tuple[Mapping[str, object], str]:
        size = len(self._inputs)
        taken = places(request_id, self._plan.batch, size)
        return self._tell(None, [self._inputs[place % size] for place in taken])

    def _tell(self, place: int | None, values: list[Any]) -> tuple[Mapping[str, object], str]:
        columns: dict[str, object] = {} if place is None else {"input": place}
        for name, measure in (("input_size", size_of), ("input_bytes", bytes_of)):
            known = [
                measured for each in values if (measured := _measured(measure, each)) is not None
            ]
            if known:
                columns[name] = sum(known)
        return columns, encode(columns)


def _measured(measure: Any, value: Any) -> int | None:
    """Return a measure of an input, which is the user's and may fail in any way."""
    try:
        return int(found) if (found := measure(value)) is not None else None
    except Exception:  # noqa: BLE001 - see above
        return None
