"""One queue before a number of workers, first come first served: exact, without a clock."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

__all__ = ["serve"]

Int64s = npt.NDArray[np.int64]


def serve(arrivals_ns: Int64s, services_ns: Int64s, workers: int) -> tuple[Int64s, Int64s]:
    """Return when each request starts, and which worker takes it.

    Args:
        arrivals_ns: In order, shape `(n,)`.
        services_ns: How long each takes, shape `(n,)`.
        workers: How many are served at once.

    Returns:
        `(started_ns, worker)`, both shape `(n,)`. The worker that has been free longest takes the
        next request.

    Source:
        Lindley, "The theory of queues with a single server", Math. Proc. Cambridge 48 (1952);
        Kiefer and Wolfowitz, "On the theory of queues with many servers", Trans. AMS 78 (1955).

    >>> serve(np.array([0, 1, 2]), np.array([5, 5, 5]), workers=2)
    (array([0, 1, 5]), array([0, 1, 0]))
    """
    if workers == 1:
        return _one(arrivals_ns, services_ns), np.zeros_like(arrivals_ns)
    return _many(arrivals_ns, services_ns, workers)


def _one(arrivals_ns: Int64s, services_ns: Int64s) -> Int64s:
    before_ns = np.cumsum(services_ns) - services_ns
    return before_ns + np.maximum.accumulate(arrivals_ns - before_ns)


def _many(arrivals_ns: Int64s, services_ns: Int64s, workers: int) -> tuple[Int64s, Int64s]:
    started, chosen = [], []
    begin = int(arrivals_ns[0]) if arrivals_ns.size else 0
    free = [(begin, number) for number in range(workers)]
    for arrival, service in zip(arrivals_ns.tolist(), services_ns.tolist(), strict=True):
        free_ns, number = free[0]
        start = max(free_ns, arrival)
        heapq.heapreplace(free, (start + service, number))
        started.append(start)
        chosen.append(number)
    return np.array(started, np.int64), np.array(chosen, np.int64)
