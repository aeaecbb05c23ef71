"""Who gains how much of what several gain together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["shapley"]

Floats = npt.NDArray[np.float64]


def shapley(players: Sequence[str], value: Callable[[frozenset[str]], Floats]) -> dict[str, Floats]:
    """Return by how much each player lowers a value, on average over the orders of joining.

    Args:
        players: k of them: `value` is asked 2^k times.
        value: What is paid with some of them; all of one shape.

    Returns:
        The parts by player; they add up to the value with none less that with all.

    Source:
        Shapley, "A value for n-person games", Contributions to the Theory of Games II (1953).

    >>> paid = {0: 10.0, 1: 7.0, 2: 6.0}
    >>> parts = shapley(["a", "b"], lambda some: np.array(paid[len(some)]))
    >>> {name: float(part) for name, part in parts.items()}
    {'a': 2.0, 'b': 2.0}
    """
    k = len(players)
    sets = [
        frozenset(some) for size in range(k + 1) for some in itertools.combinations(players, size)
    ]
    paid = {some: value(some) for some in sets}
    return {
        player: np.asarray(
            sum(
                _weight(len(some), k) * (paid[some] - paid[some | {player}])
                for some in sets
                if player not in some
            )
        )
        for player in players
    }


def _weight(size: int, k: int) -> float:
    return math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
