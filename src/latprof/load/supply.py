"""Supply: which input each request gets, and what is noted of it before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latprof.load.scenarios.plan import Plan

__all__ = ["Supply", "places", "supply"]


class Supply:
    """Gives each request its input, and notes the attributes that the plan has for it.

    Args:
        inputs: All of them.
        plan: Says in which order they are taken, how many at a time, and with which attributes.
        note: Called with the id of a request and its attributes.
    """

    def __init__(
        self, inputs: Sequence[Any], plan: Plan, note: Callable[[int, dict[str, object]], None]
    ) -> None:
        self._inputs = inputs
        self._order = plan.order
        self._batch = plan.batch
        self._attributes = list(plan.attributes.items())
        self._note = note

    def __call__(self, index: int) -> Any:
        """Return the input of request `index`: a list of them where the plan has batches."""
        known = {name: values[index % len(values)] for name, values in self._attributes}
        chosen = [self._place(place) for place in places(index, self._batch, len(self._inputs))]
        if self._order is not None:
            known["input"] = chosen if self._batch else chosen[0]
        if known:
            self._note(index, known)
        taken = [self._inputs[place] for place in chosen]
        return taken if self._batch else taken[0]

    def _place(self, place: int) -> int:
        if self._order is None:
            return place % len(self._inputs)
        return int(self._order[place % len(self._order)])


def places(index: int, batch: int | None, size: int) -> range:
    """Return which of all the inputs that are ever taken a request takes.

    Args:
        index: Of the request.
        batch: How many it takes at most; None for one.
        size: How many inputs there are, before they start over.

    >>> places(1, 4, 6)
    range(4, 6)
    """
    if batch is None:
        return range(index, index + 1)
    rounds, number = divmod(index, -(-size // batch))
    begin = number * batch
    return range(rounds * size + begin, rounds * size + min(begin + batch, size))


def supply(
    inputs: Sequence[Any], plan: Plan, note: Callable[[int, dict[str, object]], None]
) -> Callable[[int], Any]:
    """Return a function from the number of a request to its input.

    Requests that take one input after the other have nothing to note: they do not pay for more.

    Args:
        inputs: As those of `Supply`.
        plan: As that of `Supply`.
        note: As that of `Supply`.
    """
    if plan.order is not None or plan.batch is not None or plan.attributes:
        return Supply(inputs, plan, note)
    size = len(inputs)
    return lambda index: inputs[index % size]
