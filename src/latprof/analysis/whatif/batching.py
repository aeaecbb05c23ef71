"""Dynamic batching: requests that wait for each other, and what a batch of each size takes."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BatchCost", "Policy", "batched", "cost_of"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

_FEWEST_SIZES = 2  # one size says nothing about what another takes
_FEWEST_BATCHES = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are gathered.

    Attributes:
        max_batch: Requests in a batch at most.
        max_delay_ns: How long the first of a batch waits for others at most.
    """

    max_batch: int
    max_delay_ns: float

    def __str__(self) -> str:
        return f"batches of up to {self.max_batch}, delayed by up to {self.max_delay_ns / 1e6:g} ms"


@dataclass(frozen=True, slots=True)
class BatchCost:
    """What a batch takes: `fixed_ns + each_ns * size`, times how far one batch was from that.

    Attributes:
        fixed_ns: Of a batch, whatever its size.
        each_ns: Of each request in it.
        ratios: What recorded batches took over what the line says, in their order.
        largest: The largest batch that was seen.
    """

    fixed_ns: float
    each_ns: float
    ratios: Floats
    largest: int

    def of(self, size: int) -> float:
        """Return what a batch of a size takes, in ns."""
        return self.fixed_ns + self.each_ns * size


def cost_of(sizes: Int64s, took_ns: Floats) -> BatchCost | None:
    """Return what batches take by their size, by least squares; None where that cannot be told.

    Args:
        sizes: Of the recorded batches, shape `(m,)`.
        took_ns: How long each was served, shape `(m,)`.

    >>> cost = cost_of(np.tile([1, 4], 50), np.tile([3e6, 6e6], 50))
    >>> round(cost.of(8) / 1e6)
    10
    """
    if sizes.size < _FEWEST_BATCHES or np.unique(sizes).size < _FEWEST_SIZES:
        return None
    each, fixed = np.polyfit(sizes, took_ns, 1)
    if (
        each < 0 or fixed < 0
    ):  # a line through the origin, or a flat one, is the nearest that can be
        each, fixed = (took_ns.sum() / sizes.sum(), 0.0) if fixed < 0 else (0.0, took_ns.mean())
    ratios = took_ns / (fixed + each * sizes)
    return BatchCost(float(fixed), float(each), ratios, int(sizes.max()))


def batched(
    arrivals: Floats, ratios: Floats, cost: BatchCost, policy: Policy, servers: int = 1
) -> Floats:
    """Return when each request of a queue that is served in batches is through.

    A batch begins when a server is free and it is full, or its first request has waited for the
    delay, whichever comes first; who arrived by then goes with it.

    Args:
        arrivals: In order, shape `(n,)`, in ns.
        ratios: Of each batch in turn, over what `cost` says; used again where they run out.
        cost: What a batch takes.
        policy: How requests are gathered.
        servers: How many batches are served at once.

    >>> cost = BatchCost(5.0, 0.0, np.ones(1), 4)
    >>> batched(np.array([0.0, 1.0, 9.0]), cost.ratios, cost, Policy(2, 3.0))
    array([ 6.,  6., 17.])
    """
    instants, n = arrivals.tolist(), arrivals.size
    by_size = [cost.of(size) for size in range(policy.max_batch + 1)]
    pace = ratios.tolist()
    free = [-np.inf] * servers
    through = np.empty(n)
    first = batch = 0
    while first < n:
        full = first + policy.max_batch - 1
        when_full = instants[full] if full < n else np.inf
        begin = max(min(when_full, instants[first] + policy.max_delay_ns), free[0])
        end = first + 1
        while end < n and end <= full and instants[end] <= begin:
            end += 1
        done = begin + by_size[end - first] * pace[batch % len(pace)]
        heapq.heapreplace(free, done)
        through[first:end] = done
        first, batch = end, batch + 1
    return through
