"""Requests wait for others to come, while nothing is being served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.analysis.columns import int64s
from latprof.analysis.diagnosis.code.gathering import TOGETHER, gathering
from latprof.analysis.diagnosis.infrastructure.cores import per_request
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.identity import Places
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["batching_delay"]

Floats = npt.NDArray[np.float64]

_CAUSE = "batching_delay"
_WAITS = 0.3  # of the service time; a batcher that is worth its wait takes less
_IDLE = 0.5  # of that wait nothing is served (METHODS, section 8): else it is a queue
# Of a request, idle, on average: to wait a few is what a batcher is for (TensorFlow Serving's guide
# to batching: at most some milliseconds for requests that somebody waits for).
_LEAST_NS = 3e6
_BY_THE_CLOCK = 0.2  # spread of the longest waits of batches, between their quartiles


def batching_delay(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the wait of requests for their batch, as far as no other batch was under way."""
    batch = _batches(case)
    yield _unseen(case) if batch is None else _seen(case, batch)


def _seen(case: Case, batch: npt.NDArray[np.int64]) -> Suspicion | Cleared:
    """Say it of batches that a batcher has told."""
    waits = case.queue - case.requests.queue_ns
    share = float(waits.sum() / max(case.service.sum(), 1.0))
    if share < _WAITS:
        return Cleared(_CAUSE, f"{share_text(share)} of the service is a wait for a batch")
    idle_ns, longest_ns = _idle(case, batch, waits)
    idle = float(idle_ns.sum() / waits.sum())
    if idle < _IDLE:
        return Cleared(_CAUSE, f"batches wait for the one before: {share_text(idle)} of it is idle")
    if idle_ns.mean() < _LEAST_NS:
        return _short(idle_ns)
    low, middle, high = np.quantile(longest_ns, (0.25, 0.5, 0.75))
    evidence = [
        Evidence(
            "share of the service in which requests wait for a batch",
            share_text(share),
            f"above {share_text(_WAITS)}",
            "run.breakdown(), the row queue",
        ),
        Evidence(
            "share of that wait in which no batch was served",
            share_text(idle),
            f"above {share_text(_IDLE)}",
            "run.requests, batch_id",
        ),
    ]
    if middle > 0 and (high - low) / middle < _BY_THE_CLOCK:
        text = f"{duration_text(float(low))} to {duration_text(float(high))}"
        evidence.append(
            Evidence("middle half of the longest waits", text, "by the clock", "run.spans")
        )
    return _suspicion(case, "queue", evidence, idle_ns)


def _unseen(case: Case) -> Suspicion | Cleared:
    """Say it of requests that are let go together, whoever gathers them."""
    gathered, used_s = gathering(case), per_request(case, "process_cpu_s")
    if gathered is None or used_s is None:
        return Cleared(_CAUSE, "no request was seen to be served in a batch", known=False)
    waits = case.wall(gathered.part)
    serves_ns = used_s * 1e9 * case.n / gathered.groups
    idle_ns = np.maximum(waits - serves_ns, 0.0)
    share, idle = (float(idle_ns.sum() / whole.sum()) for whole in (case.service, waits))
    if share < _WAITS or idle < _IDLE:
        return Cleared(
            _CAUSE, f"requests are served together, and {share_text(idle)} of it is idle"
        )
    if idle_ns.mean() < _LEAST_NS:
        return _short(idle_ns)
    evidence = [
        Evidence(
            f"requests that leave {gathered.part} at once after another, but did not come so",
            share_text(gathered.together),
            f"above {share_text(TOGETHER)}; by chance a tenth",
            "run.spans",
        ),
        Evidence(
            f"share of {gathered.part} that is more than the process computes for all of a batch",
            share_text(idle),
            f"above {share_text(_IDLE)}",
            "run.breakdown(), run.signals",
        ),
    ]
    return _suspicion(case, gathered.part, evidence, idle_ns)


def _short(idle_ns: Floats) -> Cleared:
    text = duration_text(float(idle_ns.mean()))
    return Cleared(
        _CAUSE, f"requests wait {text} for others while nothing is served: that is meant"
    )


def _suspicion(case: Case, part: str, evidence: list[Evidence], idle_ns: Floats) -> Suspicion:
    after_ns = case.without(idle_ns)
    return Suspicion(
        cause=_CAUSE,
        stage=part,
        summary="requests wait for a batch to fill, while nothing is served",
        evidence=tuple(evidence),
        advice="Lower the delay of the batcher, or the size that it waits for",
        refuted_by="set the delay to 0: if latency stays, the wait is for the batch before",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _batches(case: Case) -> npt.NDArray[np.int64] | None:
    """Return the batch of each request, from 0; None where requests had none."""
    table = case.run.table("requests", ["request_id", "batch_id"])
    column = table["batch_id"].cast(pa.int64()).fill_null(-1).to_numpy()
    found = column[Places(int64s(table, "request_id")).of(case.requests.request_id)]
    if not found.size or (found < 0).any():
        return None
    return np.unique(found, return_inverse=True)[1]


def _idle(case: Case, batch: npt.NDArray[np.int64], waits: Floats) -> tuple[Floats, Floats]:
    """Return how long each request waited while none was served, and each batch's longest wait."""
    began = case.requests.started_ns + waits
    count = int(batch.max()) + 1
    start, end, longest = np.full(count, np.inf), np.zeros(count), np.zeros(count)
    np.minimum.at(start, batch, began)
    np.maximum.at(end, batch, case.requests.finished_ns.astype(np.float64))
    np.maximum.at(longest, batch, waits)
    order = np.argsort(start, kind="stable")
    free = np.empty(count)
    free[order] = np.concatenate([[-np.inf], np.maximum.accumulate(end[order])[:-1]])
    idle = np.clip(start - free, 0.0, None)[batch]
    return np.minimum(waits, idle), longest
