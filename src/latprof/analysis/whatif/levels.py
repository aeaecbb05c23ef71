"""Whether a request takes longer, or less long, the more it finds in service."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

__all__ = ["factors"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_NEIGHBOURS = 101  # requests whose median says how slow the service was just then
_FEWEST = 100  # requests of a kind: the mean of their logarithms is as good as normal
_BY_CHANCE = 2.0  # standard errors that chance reaches


def factors(services_ns: Floats, found: Indices, most: int) -> tuple[float, ...]:
    """Return how long a request takes relative to the mean, by how many it found in service.

    Arrivals of a Poisson process see a queue as it is at any time, and what a request asks for
    does not depend on what it finds: so a difference is that of the state, be it a core that fell
    asleep, a cache gone cold, a lock or an interpreter shared with others. Each request is held
    against the median of those around it, so that a slow spell, which also fills the queue, is not
    taken for one. What chance explains is taken off: a factor counts to the extent that it lies
    beyond two standard errors.

    Args:
        services_ns: In order of arrival, shape `(n,)`, above 0.
        found: How many in service each found, shape `(n,)`.
        most: The largest number that is told apart.

    Returns:
        By number found, from 0 to `most`; `(1.0,)` where no difference is seen.
    """
    if services_ns.size < 2 * _FEWEST:
        return (1.0,)
    logs = np.log(services_ns)
    logs = logs - median_filter(logs, _NEIGHBOURS, mode="nearest")
    spread, mean = float(logs.std()), float(logs.mean())
    shifts: list[float | None] = []
    for number in range(most + 1):
        own = logs[found == number if number < most else found >= most]
        shifts.append(_shrunk(own, mean, spread) if own.size >= _FEWEST else None)
    if not any(shifts):
        return (1.0,)
    return tuple(float(np.exp(each)) for each in _filled(shifts))


def _shrunk(logs: Floats, mean: float, spread: float) -> float:
    """Return by how much a class differs, less what chance would do; as James and Stein shrink."""
    shift = float(logs.mean()) - mean
    error = _BY_CHANCE * spread / np.sqrt(logs.size)
    return float(shift * max(0.0, 1 - (error / shift) ** 2)) if shift else 0.0


def _filled(shifts: list[float | None]) -> list[float]:
    """Give classes with too few requests the shift of the nearest with enough."""
    known = [number for number, shift in enumerate(shifts) if shift is not None]
    return [
        shifts[min(known, key=lambda each: abs(each - number))] or 0.0
        for number in range(len(shifts))
    ]
