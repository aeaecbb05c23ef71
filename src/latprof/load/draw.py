"""Draws: which input each request takes, where that is not simply the next one."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError
from latprof.load.limits import choice

if TYPE_CHECKING:
    from latprof.load.scenarios.plan import Plan

__all__ = ["Draw", "Order", "Weights", "drawn"]

Draw = Literal["sequential", "uniform"]
Weights = Sequence[float] | str

_CHUNK = 1 << 14
_STREAM = 1  # keeps these draws apart from those of the arrivals, which have the bare seed


class Order:
    """Indices of inputs drawn by a seed: without end, and a pure function of the place.

    Args:
        size: How many inputs there are.
        seed: The same seed gives the same order.
        weights: How often each is taken, relative to the others; None for all alike.

    >>> order = Order(100, seed=7)
    >>> [order[place] for place in (0, 1, 2, 0)] == [order[0], order[1], order[2], order[0]]
    True
    """

    def __init__(self, size: int, seed: int, weights: NDArray[np.float64] | None = None) -> None:
        self._size = size
        self._seed = seed
        self._cumulated = None if weights is None else np.cumsum(weights) / weights.sum()
        self._chunk = functools.lru_cache(maxsize=4)(self._drawn)

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, place: int) -> int:
        number, at = divmod(place, _CHUNK)
        return self._chunk(number)[at]

    def _drawn(self, number: int) -> list[int]:
        rng = np.random.default_rng([self._seed, _STREAM, number])
        if self._cumulated is None:
            return list(rng.integers(self._size, size=_CHUNK).tolist())
        found = np.searchsorted(self._cumulated, rng.random(_CHUNK), "right")
        return list(np.minimum(found, self._size - 1).tolist())


def drawn(
    plan: Plan, inputs: Sequence[Any], draw: str, weights: Weights | None, seed: int
) -> tuple[Plan, str]:
    """Return the plan with the order in which inputs are taken, and a word for run.json.

    Args:
        plan: Of the scenario; one that has an order (a trace's) keeps it.
        inputs: All of them.
        draw: "sequential", or "uniform" for each request any input, all alike.
        weights: How often each input is taken, relative to the others: one number for each, or
            the name of the field of the inputs (dicts, rows of a DataFrame) that holds it.
        seed: Of what is drawn.

    Raises:
        UsageError: A value is not what is accepted, or the scenario has an order already.
    """
    choice("sequential", "uniform")("draw=", draw)
    if weights is None and draw == "sequential":
        return plan, "sequential" if plan.order is None else "trace"
    if plan.order is not None:
        raise UsageError(
            "the trace says which input each request takes: leave out draw= and weights="
        )
    if weights is None:
        return dataclasses.replace(plan, order=Order(len(inputs), seed)), "uniform"
    if draw == "uniform":
        raise UsageError('draw="uniform" takes all inputs alike: leave out draw= or weights=')
    order = Order(len(inputs), seed, _checked(inputs, weights))
    return dataclasses.replace(plan, order=order), "weighted"


def _checked(inputs: Sequence[Any], weights: Weights) -> NDArray[np.float64]:
    given = _field(inputs, weights) if isinstance(weights, str) else _listed(weights)
    if len(given) != len(inputs):
        raise UsageError(f"weights= has {len(given)} numbers for {len(inputs)} inputs")
    for index, weight in enumerate(given):
        if not _is_weight(weight):
            raise UsageError(f"weights=: input {index} has {weight!r}, not a number from 0")
    found = np.array(given, np.float64)
    if not 0 < found.sum() < math.inf:
        raise UsageError("weights= add up to nothing that can be shared: give one above 0")
    return found


def _listed(weights: Iterable[Any]) -> list[Any]:
    try:
        return list(weights)
    except TypeError:
        raise UsageError(
            f"weights= takes a number for each input, or the name of their field, not {weights!r}"
        ) from None


def _field(inputs: Sequence[Any], name: str) -> list[Any]:
    for index, each in enumerate(inputs):
        if not isinstance(each, Mapping) or name not in each:
            raise UsageError(f"weights={name!r}: input {index} has no field of this name")
    return [each[name] for each in inputs]


def _is_weight(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and 0 <= float(value) < math.inf
    except (TypeError, ValueError):
        return False
