"""Measuring side by side: contenders take turns, and are compared round by round.

A machine has moods that last seconds. What is measured in one round shares them, so the ratio of
two contenders is taken within each round, and the median over rounds stands with its quartiles.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Spread", "interleaved", "ratio", "spread"]

T = TypeVar("T")


class Spread(NamedTuple):
    """A median with the quartiles on both its sides."""

    median: float
    low: float
    high: float


def interleaved(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return what each contender measured, by round; in each round another one begins."""
    values: dict[str, list[T]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            values[name].append(contenders[name]())
        order.append(order.pop(0))
    return values


def spread(values: Iterable[float]) -> Spread:
    values = list(values)
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


def ratio(values: Iterable[float], base: Iterable[float]) -> Spread:
    """Return the spread of the rounds' ratios."""
    return spread(value / other for value, other in zip(values, base, strict=True))
