"""Replay: what a service would have done under another load, from the service times it showed.

One queue, first come first served, before one worker or several. It takes for granted that a
request takes as long under the other load as it took when it was recorded.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["course", "highest_rate", "replayed", "starts"]

Floats = npt.NDArray[np.float64]

_REQUESTS = 50_000  # a p99 of so many scatters by less than that of the recorded services
_FULLEST = 0.98  # busy share of the workers: beyond it, no replay is long enough
_EMPTIEST = 0.02
_HALVINGS = 12  # the rate to a thousandth
_STOPS = 33  # of a course: 3 % of the full rate from one to the next
_REQUESTS_A_STOP = 20_000  # a picture needs no more
_LEFT_OUT = 0.05  # the queue is empty at the beginning: the first twentieth fills it


def starts(arrivals: Floats, services: Floats, workers: int | None) -> Floats:
    """Return when each request of a queue is taken up.

    Args:
        arrivals: When each comes, in order, shape `(n,)`, in any unit.
        services: How long each takes, shape `(n,)`, in the same unit.
        workers: How many are served at once; None for no limit, where nobody waits.

    Source:
        One worker: Lindley, "The theory of queues with a single server", Proc. Cambridge Phil.
        Soc. 48 (1952), as a running maximum. Several: Kiefer and Wolfowitz, "On the theory of
        queues with many servers", Trans. AMS 78 (1955), with a heap of the instants at which
        workers become free.

    >>> starts(np.array([0.0, 1.0, 9.0]), np.array([5.0, 5.0, 5.0]), workers=1)
    array([ 0.,  5., 10.])
    """
    if workers is None:
        return arrivals.copy()
    if workers == 1:
        before = np.cumsum(services) - services
        return np.asarray(before + np.maximum.accumulate(arrivals - before))
    free = [-np.inf] * workers
    taken = np.empty_like(arrivals)
    for index, (arrival, service) in enumerate(
        zip(arrivals.tolist(), services.tolist(), strict=True)
    ):
        start = max(arrival, free[0])
        heapq.heapreplace(free, start + service)
        taken[index] = start
    return taken


def replayed(
    services_ns: npt.NDArray[np.int64],
    rate: float,
    workers: int | None = 1,
    *,
    requests: int = _REQUESTS,
    seed: int = 0,
) -> Floats:
    """Return response times under Poisson arrivals, drawing from recorded service times.

    Two rates with one seed meet the same services at arrivals of one pattern, stretched.

    Args:
        services_ns: As recorded, shape `(n,)`, at least one.
        rate: Arrivals a second.
        workers: How many are served at once; None for no limit.
        requests: How many to replay.
        seed: Of arrivals and draws.

    Returns:
        Response times in ns, shape `(0.95 requests,)`: without the first, which meet an emptier
        queue than all others.
    """
    generator = np.random.default_rng(seed)
    services = generator.choice(services_ns, requests).astype(np.float64)
    arrivals = np.cumsum(generator.standard_exponential(requests)) * (1e9 / rate)
    responses = starts(arrivals, services, workers) + services - arrivals
    return np.asarray(responses[round(requests * _LEFT_OUT) :])


def highest_rate(
    services_ns: npt.NDArray[np.int64],
    workers: int,
    holds: Callable[[Floats], bool],
    seed: int = 0,
) -> float:
    """Return the highest rate whose replay `holds` accepts.

    Args:
        services_ns: As recorded, shape `(n,)`, at least one of them above 0.
        workers: How many requests are served at once.
        holds: Whether response times in ns are good enough; once they are not, those of a higher
            rate are not either.
        seed: Of arrivals and draws.

    Returns:
        Requests a second, from 2 % to 98 % of what the workers can do.
    """
    full = workers * 1e9 / float(services_ns.mean())
    low, high = _EMPTIEST * full, _FULLEST * full
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        if holds(replayed(services_ns, middle, workers, seed=seed)):
            low = middle
        else:
            high = middle
    return low


def course(
    services_ns: npt.NDArray[np.int64], workers: int, q: float, seed: int = 0
) -> tuple[tuple[float, float], ...]:
    """Return how a quantile of response time climbs with the rate: slowly at first, then steeply.

    Args:
        services_ns: As recorded, shape `(n,)`, at least one of them above 0.
        workers: How many requests are served at once.
        q: Which quantile.
        seed: Of arrivals and draws.

    Returns:
        Pairs of a rate a second and the quantile in ns, from 2 % to 98 % of what the workers can
        do.

    >>> climbs = course(np.full(9, 1_000_000), workers=1, q=0.99)
    >>> climbs[0][1] < 2e6 < 20e6 < climbs[-1][1]
    True
    """
    full = workers * 1e9 / float(services_ns.mean())
    rates = full * np.linspace(_EMPTIEST, _FULLEST, _STOPS)
    loads = (
        replayed(services_ns, rate, workers, requests=_REQUESTS_A_STOP, seed=seed) for rate in rates
    )
    return tuple(
        (float(rate), float(np.quantile(responses, q)))
        for rate, responses in zip(rates, loads, strict=True)
    )
