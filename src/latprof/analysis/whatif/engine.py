"""A queue before servers that need not be equally quick at all times.

Two things that theory leaves out are there in every real service: a server that slept takes a
moment to begin, and a request takes longer, or less long, with others in service beside it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.replay import starts

__all__ = ["Pauses", "Servers", "busy_at", "finishes"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Servers:
    """Who serves a queue.

    Attributes:
        workers: How many at once; None without a limit, where nobody waits.
        factors: What a service time is multiplied with, by how many requests in service an arrival
            finds; the last counts for more of them too.
    """

    workers: int | None
    factors: tuple[float, ...] = (1.0,)

    def factors_of(self, found: Indices) -> Floats:
        """Return the factor of each request by what it found.

        >>> Servers(2, (1.0, 1.2)).factors_of(np.array([0, 2]))
        array([1. , 1.2])
        """
        return np.asarray(self.factors)[np.minimum(found, len(self.factors) - 1)]


class Pauses(NamedTuple):
    """How long a worker takes to begin with a request. Both of shape `(n,)`, in ns.

    Attributes:
        idle: Where it waited for the request: it has to wake up.
        busy: Where it comes from another.
    """

    idle: Floats
    busy: Floats

    def pick(self, chosen: Indices | npt.NDArray[np.bool_]) -> Pauses:
        """Return those of the chosen requests."""
        return Pauses(self.idle[chosen], self.busy[chosen])


def finishes(
    arrivals: Floats, services: Floats, servers: Servers, pauses: Pauses | None = None
) -> Floats:
    """Return when each request of a queue, first come first served, is through.

    Args:
        arrivals: In order, shape `(n,)`, in ns.
        services: How long each takes at a factor of 1, shape `(n,)`, in ns.
        servers: Who serves it.
        pauses: What it takes to begin; None for nothing.

    >>> finishes(np.array([0.0, 1.0]), np.array([5.0, 5.0]), Servers(1))
    array([ 5., 10.])
    """
    if servers.workers is None:
        begun = arrivals if pauses is None else arrivals + pauses.idle
        return begun + services * servers.factors[0]
    if pauses is None and len(servers.factors) == 1:
        taken = services * servers.factors[0]
        return starts(arrivals, taken, servers.workers) + taken
    none = np.zeros(arrivals.size)
    return _stepped(arrivals, services, servers, servers.workers, pauses or Pauses(none, none))


def _stepped(
    arrivals: Floats, services: Floats, servers: Servers, workers: int, pauses: Pauses
) -> Floats:
    """Serve one request after the other; see `replay.starts` for the source."""
    free = [-np.inf] * workers
    through = []
    factor = [servers.factors[min(n, len(servers.factors) - 1)] for n in range(workers + 1)]
    alike, waited = len(set(factor)) == 1, factor[workers]
    columns = (arrivals, services, pauses.idle, pauses.busy)
    for arrival, service, idle, busy in zip(*(each.tolist() for each in columns), strict=True):
        first = free[0]
        if first > arrival:
            end = first + busy + service * waited
        else:
            found = 0 if alike else sum([each > arrival for each in free])
            end = arrival + idle + service * factor[found]
        heapq.heapreplace(free, end)
        through.append(end)
    return np.array(through)


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
