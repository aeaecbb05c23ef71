"""Queueing: requests come faster, or closer together, than the workers can take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.replay import starts
from latprof.units import rate_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["queueing"]

Floats = npt.NDArray[np.float64]

_CAUSE = "queueing"
_WAITED = 0.5  # of the response time: the service itself is the smaller part of it
_BUSY = 0.7  # share of the workers; beyond it waits grow without limit
_BURSTY = 1.5  # coefficient of variation of the distances: 1 where requests know nothing of others
_SHORT = 0.1  # of a service: a wait that nobody minds
_MOST = 64  # times the workers there are
_MADE = 0.5  # of the waits must follow from when requests came and how long each was served


def queueing(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the queue where requests wait in it longer than they are served."""
    if not case.open_loop or case.workers is None:
        yield Cleared(_CAUSE, "nobody had to wait for a worker in this scenario")
        return
    waits = case.requests.queue_ns.astype(np.float64)
    waited = float(waits.sum() / max(case.latency.sum(), 1.0))
    if waited < _WAITED or case.n < 2:
        yield Cleared(_CAUSE, f"{share_text(waited)} of the response time was spent in the queue")
        return
    made = _waits(case, case.workers).sum() / waits.sum()
    if made < _MADE:
        reason = (
            f"{share_text(float(made))} of the waits follow from the load: the others began late"
        )
        yield Cleared(_CAUSE, reason)
        return
    workers, after_ns = _enough(case, waits)
    yield Suspicion(
        cause=_CAUSE,
        stage="queue",
        summary=f"requests wait for one of {case.workers} workers longer than they are served",
        evidence=tuple(_evidence(case, waited)),
        advice=f"Serve them with {workers} workers or replicas, or spread the requests",
        refuted_by="send the same requests at half the rate: if they wait as long, it is no queue",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
        generic=True,
    )


def _evidence(case: Case, waited: float) -> Iterator[Evidence]:
    share = share_text(waited)
    yield Evidence(
        "share of the response time in the queue", share, "above 50 %", "run.breakdown()"
    )
    arrivals = case.requests.intended_ns.astype(np.float64)
    span = float(case.requests.finished_ns.max() - case.requests.intended_ns.min())
    busy = float(case.service.sum()) / (max(span, 1.0) * (case.workers or 1))
    if busy >= _BUSY:
        yield Evidence("busy share of the workers", share_text(busy), "above 70 %", "run.requests")
    distances = np.diff(arrivals)
    variation = float(distances.std() / max(distances.mean(), 1.0))
    if variation >= _BURSTY:
        rate = rate_text(1e9 / max(float(distances.mean()), 1.0))
        text = f"{variation:.1f} at {rate}"
        yield Evidence(
            "variation of the distances between requests", text, "above 1.5", "run.requests"
        )


def _enough(case: Case, waits: Floats) -> tuple[int, Floats]:
    """Return with how many workers hardly anybody waits, and the latencies then."""
    first = case.workers or 1
    workers, left = first, waits
    while workers < _MOST * first and left.mean() > _SHORT * case.service.mean():
        workers += first if workers >= 4 * first else 1
        left = _waits(case, workers)
    return workers, np.minimum(left, waits) + case.service


def _waits(case: Case, workers: int) -> Floats:
    """Return how long each request would wait for one of so many workers, in ns."""
    arrivals = (case.requests.intended_ns - case.requests.intended_ns[0]).astype(np.float64)
    return np.asarray(starts(arrivals, case.service, workers) - arrivals)
