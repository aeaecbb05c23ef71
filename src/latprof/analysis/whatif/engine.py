"""A queue before servers that need not be equally quick at all times.

Two things that theory leaves out are there in every real service: a server that slept takes a
moment to begin, and a request takes longer, or less long, with others in service beside it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latprof.analysis.replay import starts

__all__ = ["Servers", "busy_at", "finishes"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Servers:
    """Who serves a queue.

    Attributes:
        workers: How many at once; None without a limit, where nobody waits.
        factors: What a service time is multiplied with, by how many requests in service an arrival
            finds; the last counts for more of them too.
        idle_ns: How long a worker that waited takes to begin.
        busy_ns: How long one that comes from another request takes.
    """

    workers: int | None
    factors: tuple[float, ...] = (1.0,)
    idle_ns: float = 0.0
    busy_ns: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether a request takes as long whatever it finds."""
        return len(self.factors) == 1 and not self.idle_ns and not self.busy_ns

    def factors_of(self, found: Indices) -> Floats:
        """Return the factor of each request by what it found.

        >>> Servers(2, (1.0, 1.2)).factors_of(np.array([0, 2]))
        array([1. , 1.2])
        """
        return np.asarray(self.factors)[np.minimum(found, len(self.factors) - 1)]


def finishes(arrivals: Floats, services: Floats, servers: Servers) -> Floats:
    """Return when each request of a queue, first come first served, is through.

    Args:
        arrivals: In order, shape `(n,)`, in ns.
        services: How long each takes at a factor of 1, shape `(n,)`, in ns.
        servers: Who serves it.

    >>> finishes(np.array([0.0, 1.0]), np.array([5.0, 5.0]), Servers(1))
    array([ 5., 10.])
    """
    if servers.workers is None:
        return arrivals + servers.idle_ns + services * servers.factors[0]
    if servers.plain:
        taken = services * servers.factors[0]
        return starts(arrivals, taken, servers.workers) + taken
    return _stepped(arrivals, services, servers, servers.workers)


def _stepped(arrivals: Floats, services: Floats, servers: Servers, workers: int) -> Floats:
    """Serve one request after the other; see `replay.starts` for the source."""
    free = [-np.inf] * workers
    through = np.empty_like(arrivals)
    factor = [servers.factors[min(n, len(servers.factors) - 1)] for n in range(workers + 1)]
    alike = len(set(factor)) == 1
    idle, busy, waited = servers.idle_ns, servers.busy_ns, factor[workers]
    pairs = zip(arrivals.tolist(), services.tolist(), strict=True)
    for index, (arrival, service) in enumerate(pairs):
        first = free[0]
        if first > arrival:
            end = first + busy + service * waited
        else:
            found = 0 if alike else sum([each > arrival for each in free])
            end = arrival + idle + service * factor[found]
        heapq.heapreplace(free, end)
        through[index] = end
    return through


def busy_at(arrivals: Floats, finished: Floats, workers: int | None) -> Indices:
    """Return how many requests each arrival found, those that wait counting as all workers busy.

    Args:
        arrivals: In order, shape `(n,)`.
        finished: When each was through, shape `(n,)`.
        workers: The most that counts; None for no limit.

    >>> busy_at(np.array([0.0, 1.0, 9.0]), np.array([5.0, 10.0, 12.0]), 2)
    array([0, 1, 1])
    """
    through = np.searchsorted(np.sort(finished), arrivals, side="right")
    found = np.maximum(np.arange(arrivals.size) - through, 0)
    return np.asarray(found if workers is None else np.minimum(found, workers))
