"""Collections of garbage that requests wait for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import count_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case
    from latprof.analysis.measured import Requests

__all__ = ["gc_pauses"]

Floats = npt.NDArray[np.float64]

_CAUSE = "gc_pauses"
_SHARE = 0.03  # of the service time of all requests
_TAIL = 0.2  # of the slowest requests hold a pause
_SLOWEST = 0.99
_HIT = 5  # requests with a pause; fewer are chance
_WORTH = 0.1  # of a request: a shorter pause is none of its trouble


def gc_pauses(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the collector where its pauses fall into many requests, or into the slow ones."""
    ended_ns, pause_ns = case.signals.points("gc_pause_ns")
    if case.signals.rate("gc_pause_s") is None and not ended_ns.size:
        yield Cleared(_CAUSE, "collections were not listened to", known=False)
        return
    held = _held(case.requests, ended_ns, pause_ns)
    evidence = tuple(_evidence(case, held))
    if not evidence or (held > _WORTH * case.service).sum() < _HIT:
        share = share_text(float(held.sum() / max(case.service.sum(), 1.0)))
        yield Cleared(_CAUSE, f"collections took {share} of the time of requests")
        return
    after_ns = case.without(held)
    longest = duration_text(float(pause_ns.max()))
    yield Suspicion(
        cause=_CAUSE,
        stage=_stage(case, held),
        summary=f"Python collects garbage while requests wait, for up to {longest} at a time",
        evidence=evidence,
        advice="Call gc.freeze() once all is loaded, raise the thresholds of gc.set_threshold, and "
        "call no gc.collect() in a request",
        refuted_by="call gc.disable() for the length of a run: if nothing changes, it was not this",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _evidence(case: Case, held: Floats) -> Iterator[Evidence]:
    share = float(held.sum() / max(case.service.sum(), 1.0))
    if share >= _SHARE:
        text = share_text(share)
        yield Evidence("share of requests' time in collections", text, "above 3 %", "run.signals")
    slow = case.latency >= np.quantile(case.latency, _SLOWEST)
    hit = float((held[slow] > _WORTH * case.service[slow]).mean())
    if hit >= _TAIL:
        text = f"{share_text(hit)} of {count_text(int(slow.sum()))}"
        yield Evidence("slowest requests with a pause", text, "above 20 %", "run.signals")


def _held(requests: Requests, ended_ns: npt.NDArray[np.int64], pause_ns: Floats) -> Floats:
    """Return how long collections held each request, in ns: all threads wait for them."""
    began_ns = ended_ns - pause_ns
    order = np.argsort(ended_ns, kind="stable")
    ends, begins = ended_ns[order].astype(np.float64), began_ns[order]
    before = np.concatenate([[0.0], np.cumsum(ends - begins)])

    def paused_until(instant_ns: npt.NDArray[np.int64]) -> Floats:
        over = np.searchsorted(ends, instant_ns, side="right")
        whole = before[over]
        if not ends.size:
            return np.asarray(whole)
        current = np.minimum(over, ends.size - 1)
        part = np.where(over < ends.size, np.maximum(instant_ns - begins[current], 0.0), 0.0)
        return np.asarray(whole + part)

    return paused_until(requests.finished_ns) - paused_until(requests.started_ns)


def _stage(case: Case, held: Floats) -> str:
    """Return the stage that nearly always holds the pause; none where they fall anywhere."""
    hit = held > 0
    for part in case.parts:
        usual = float(np.median(case.wall(part)[~hit])) if (~hit).any() else 0.0
        grown = case.wall(part)[hit] - usual
        if float((grown >= 0.8 * held[hit]).mean()) >= 0.9:
            return part
    return ""
