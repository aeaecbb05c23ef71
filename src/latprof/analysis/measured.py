"""The requests that statistics are made of: those that were answered, in the steady phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import codes_of, int64s
from latprof.run.vocabulary import PHASES, STATUSES

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["Requests", "load_measured", "load_requests"]

Int64s = npt.NDArray[np.int64]


class Requests(NamedTuple):
    """Requests in arrival order: by intended instant, then by `request_id`. All shape `(n,)`.

    Attributes:
        request_id: Identity.
        intended_ns: When it was to begin.
        started_ns: When a worker took it.
        finished_ns: When it was answered.
        worker: Which worker took it.
        status: Index into `vocabulary.STATUSES`.
        phase: Index into `vocabulary.PHASES`.
    """

    request_id: Int64s
    intended_ns: Int64s
    started_ns: Int64s
    finished_ns: Int64s
    worker: Int64s
    status: Int64s
    phase: Int64s

    @property
    def latency_ns(self) -> Int64s:
        """Response time, from the intended instant."""
        return self.finished_ns - self.intended_ns

    @property
    def service_ns(self) -> Int64s:
        """Time from the start to the answer."""
        return self.finished_ns - self.started_ns

    @property
    def queue_ns(self) -> Int64s:
        """Time from the intended instant to the start."""
        return self.started_ns - self.intended_ns

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Which were answered without an error."""
        return np.equal(self.status, STATUSES.index("ok"))

    @property
    def steady(self) -> npt.NDArray[np.bool_]:
        """Which belong to the steady phase."""
        return np.equal(self.phase, PHASES.index("steady"))

    def pick(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Requests:
        """Return the chosen requests."""
        return Requests(*(column[chosen] for column in self))


def load_requests(run: Run) -> Requests:
    """Return all requests of a run."""
    table = run.table("requests", list(Requests._fields))
    columns = [int64s(table, name) for name in Requests._fields[:5]]
    status, phase = codes_of(table, "status", STATUSES), codes_of(table, "phase", PHASES)
    requests = Requests._make((*columns, status, phase))
    if _in_order(requests):
        return requests
    return requests.pick(np.lexsort((requests.request_id, requests.intended_ns)))


def load_measured(run: Run) -> Requests:
    """Return the requests that count: status ok, phase steady."""
    requests = load_requests(run)
    return requests.pick(requests.ok & requests.steady)


def _in_order(requests: Requests) -> bool:
    steps = np.diff(requests.intended_ns)
    ids = np.diff(requests.request_id)
    return bool(np.all((steps > 0) | ((steps == 0) & (ids > 0))))
