"""Whether requests were sent when they should have been, and if not, who was the cause.

In an open loop a request can start late for two reasons. Every worker was busy: that is the queue
of the service under test, and belongs to its latency. Or a worker was free and woke up late: that
is the load generator, and no latency of the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN
from latprof.analysis.quantiles import nearest_rank

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = [
    "Backlog",
    "at_rank",
    "find_backlog",
    "free_late",
    "free_share",
    "lateness",
    "utilisation",
]

Int64s = npt.NDArray[np.int64]

_LAST_PART = 10  # the backlog is judged over the last tenth: a momentary queue is none


class Backlog(NamedTuple):
    """How far the sending of requests fell behind its plan.

    Attributes:
        planned: Requests per second, as intended.
        achieved: Requests per second, as started.
        late_ns: How much of the delay at the end came from workers that were free.
        delay_ns: The delay at the end.
    """

    planned: float
    achieved: float
    late_ns: int
    delay_ns: int

    @property
    def shortfall(self) -> float:
        """Share of the planned rate that was not achieved."""
        return 1 - self.achieved / self.planned


def lateness(requests: Requests) -> Int64s:
    """Return how late each request left the load generator.

    Where a process of its own paced the load, that is told by the instant at which it sent the
    request: whatever comes after that, a worker that wakes up too, is of the process under test.
    Elsewhere it is how late the request started although its worker was free.

    Args:
        requests: All requests of a run, those that failed too: they kept workers busy.

    Returns:
        `sent - intended` where it is known, else `started - max(intended, previous finish on that
        worker)`, at least 0, shape `(n,)`.
    """
    known = requests.sent_ns != UNKNOWN
    if not known.any():
        return free_late(requests)
    late_ns = requests.sent_ns - requests.intended_ns
    return late_ns if known.all() else np.where(known, late_ns, free_late(requests))


def free_late(requests: Requests) -> Int64s:
    """Return how late each request started although it and its worker were there."""
    order = np.lexsort((requests.started_ns, requests.worker))
    worker, finished = requests.worker[order], requests.finished_ns[order]
    free = np.full(order.size, np.iinfo(np.int64).min)
    free[1:] = np.where(worker[1:] == worker[:-1], finished[:-1], free[1:])
    late = np.empty_like(free)
    late[order] = requests.started_ns[order] - np.maximum(requests.intended_ns[order], free)
    return np.maximum(late, 0)


def utilisation(requests: Requests) -> float:
    """Return the share of their time that workers were busy, between first and last request."""
    return _share(requests, requests.service_ns)


def free_share(requests: Requests) -> float:
    """Return the share of their time that workers were free although a request was due."""
    return _share(requests, free_late(requests))


def _share(requests: Requests, times_ns: Int64s) -> float:
    workers = np.unique(requests.worker).size
    open_ns = int(requests.finished_ns.max() - requests.started_ns.min())
    return float(times_ns.sum() / (workers * open_ns)) if open_ns else 0.0


def find_backlog(requests: Requests, late_ns: Int64s) -> Backlog | None:
    """Return how far the load fell behind its plan; None where no time was planned.

    Args:
        requests: All requests in arrival order, at least one.
        late_ns: Their `lateness`.
    """
    planned_ns = int(requests.intended_ns[-1] - requests.intended_ns[0])
    if planned_ns == 0:
        return None
    n = requests.intended_ns.size
    last = slice(n - max(1, n // _LAST_PART), n)
    delay_ns = at_rank(requests.queue_ns[last], 0.5)
    gaps = (n - 1) * 1e9
    return Backlog(
        planned=gaps / planned_ns,
        achieved=gaps / (planned_ns + delay_ns),
        late_ns=at_rank(late_ns[last], 0.5),
        delay_ns=delay_ns,
    )


def at_rank(values: Int64s, q: float) -> int:
    """Return the nearest-rank quantile of a sample, however small it is."""
    rank = nearest_rank(values.size, q) - 1
    return int(np.partition(values, rank)[rank])
