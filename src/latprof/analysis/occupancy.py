"""What servers were at while others waited: the wait of a request, named by what it waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = ["Occupancy"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Occupancy:
    """The wait of each request, split over the parts that were being served meanwhile.

    While a request waits, its servers work on others. What they were at is the cumulated time
    spent on a part up to the start of the request, less that up to its intended instant; with c
    workers each counts for 1/c. Within one request the parts are taken to run side by side in
    proportion, which matters only for the request in service when another arrives.

    Args:
        requests: All requests of the run, those that failed too: others waited for them.
        waiting: The requests whose waits are wanted.

    Source:
        The idea that a wait is the remaining work of others: Lindley, "The theory of queues with
        a single server", Proc. Cambridge Phil. Soc. 48 (1952).
    """

    def __init__(self, requests: Requests, waiting: Requests) -> None:
        edges = np.concatenate((requests.started_ns, requests.finished_ns))
        self._order = np.argsort(edges, kind="stable")
        self._instants = edges[self._order]
        self._service_ns = np.maximum(requests.service_ns, 1)
        self._workers = max(1, np.unique(requests.worker).size)
        self._began, self._ended = waiting.intended_ns, waiting.started_ns

    def wait_for(self, part_ns: Int64s) -> Floats:
        """Return how much of each wait went to one part of the requests served meanwhile.

        Args:
            part_ns: What each request of the run spent on the part, shape `(all requests,)`.

        Returns:
            Nanoseconds, shape `(waiting requests,)`.
        """
        intensity = part_ns / self._service_ns
        steps = np.concatenate((intensity, -intensity))[self._order]
        # Time spent up to each edge: what runs between two edges, times how long they lie apart.
        running = np.cumsum(steps)[:-1]
        spent = np.concatenate(([0.0], np.cumsum(running * np.diff(self._instants))))
        until, since = (
            np.interp(each - self._instants[0], self._instants - self._instants[0], spent)
            for each in (self._ended, self._began)
        )
        waited: Floats = (until - since) / self._workers
        return waited
