"""The requests that statistics are made of: those that were answered, in the steady phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN, codes_of, int64s
from latprof.run.vocabulary import PHASES, STATUSES

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["Requests", "load_measured", "load_requests"]

Int64s = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]


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
        sent_ns: When the process that paced sent it; `UNKNOWN` where none did.
    """

    request_id: Int64s
    intended_ns: Int64s
    started_ns: Int64s
    finished_ns: Int64s
    worker: Int64s
    status: Codes
    phase: Codes
    sent_ns: Int64s

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
        """Return the chosen requests: views where a mask chooses neighbours, as it mostly does."""
        place = _stretch(chosen) if chosen.dtype == np.bool_ else None
        return Requests._make(column[chosen if place is None else place] for column in self)


def load_requests(run: Run) -> Requests:
    """Return all requests of a run."""
    # One column at a time, so that only one is held twice.
    columns = [int64s(run.table("requests", [name]), name) for name in Requests._fields[:5]]
    status = codes_of(run.table("requests", ["status"]), "status", STATUSES)
    phase = codes_of(run.table("requests", ["phase"]), "phase", PHASES)
    requests = Requests._make((*columns, status, phase, _sent(run)))
    if _in_order(requests):
        return requests
    return requests.pick(np.lexsort((requests.request_id, requests.intended_ns)))


def _sent(run: Run) -> Int64s:
    """Return when requests were sent; where no process paced, that takes no memory."""
    table = run.table("requests", ["sent_ns"])
    if table["sent_ns"].null_count == len(table):
        return np.broadcast_to(np.int64(UNKNOWN), len(table))
    return int64s(table, "sent_ns")


def load_measured(run: Run) -> Requests:
    """Return the requests that count: status ok, phase steady."""
    requests = load_requests(run)
    return requests.pick(requests.ok & requests.steady)


def _in_order(requests: Requests) -> bool:
    early, late = requests.intended_ns[:-1], requests.intended_ns[1:]
    ties = requests.request_id[:-1] < requests.request_id[1:]
    return bool(np.all((early < late) | ((early == late) & ties)))


def _stretch(chosen: npt.NDArray[Any]) -> slice | None:
    """Return where the chosen ones lie, None where others lie among them."""
    if not chosen.any():
        return slice(0, 0)
    first = int(np.argmax(chosen))
    stop = chosen.size - int(np.argmax(chosen[::-1]))
    return slice(first, stop) if np.count_nonzero(chosen) == stop - first else None
