"""Too little memory: pages that a request needs are gone, and come back from a disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.infrastructure.cores import per_request
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["faults_of", "memory_pressure"]

_CAUSE = "memory_pressure"
# A service in memory reads no page from a disk once it is warm.
_FAULTS = 0.1  # major ones a request
_WAITED = 0.05  # of the time some task waited for memory that was being freed; 0 at peace
_DISK = 0.1  # of the time some task waited for a disk
_FULL = 0.9  # of what the control group or the machine has: from there on the kernel takes back


def faults_of(case: Case) -> float | None:
    """Return how many pages a request reads from a disk, where it is enough to be a cause."""
    faults = per_request(case, "major_faults")
    return faults if faults is not None and faults >= _FAULTS else None


def memory_pressure(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a lack of memory where requests read pages from a disk or wait for some."""
    evidence = tuple(_evidence(case))
    paged = any(
        each.signal.startswith(("pages", "time in which a task waited for m")) for each in evidence
    )
    if not paged:
        known = per_request(case, "major_faults") is not None
        reason = "no page had to be read from a disk" if known else "page faults are not told"
        yield Cleared(_CAUSE, reason, known=known)
        return
    lost = {stage: blocked for stage in case.stages if (blocked := case.blocked(stage)) is not None}
    if not lost:
        yield Cleared(_CAUSE, "how long requests waited for pages is not told", known=False)
        return
    stage = max(lost, key=lambda name: float(lost[name].sum()))
    after_ns = case.without(np.sum(list(lost.values()), axis=0))
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary="pages that it needs are not in memory, and are read from a disk",
        evidence=evidence,
        advice="Give the service more memory, or let it hold less: fewer workers, smaller caches, "
        "weights in half precision",
        refuted_by="lock its pages in memory, or run it alone: if nothing changes, it was not they",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _evidence(case: Case) -> Iterator[Evidence]:
    faults = faults_of(case)
    if faults is not None:
        text = f"{faults:.2f}"
        yield Evidence("pages read from a disk a request", text, f"above {_FAULTS}", "run.signals")
    swapped = per_request(case, "machine_pages_swapped_in") or 0.0
    if swapped >= _FAULTS:
        yield Evidence(
            "pages swapped in a request", f"{swapped:.2f}", f"above {_FAULTS}", "run.signals"
        )
    for resource, least in (("memory", _WAITED), ("io", _DISK)):
        waited = case.signals.rate(f"pressure_{resource}_some_s") or 0.0
        if waited >= least:
            name = "memory" if resource == "memory" else "a disk"
            signal = f"time in which a task waited for {name}"
            yield Evidence(signal, share_text(waited), f"above {least:.0%}", "run.signals")
    yield from _full(case)


def _full(case: Case) -> Iterator[Evidence]:
    limits = case.manifest["environment"].get("memory", {})
    limit = limits.get("limit_bytes") or limits.get("total_bytes")
    held = case.signals.median("rss_bytes")
    if limit and held is not None and held >= _FULL * limit:
        share = share_text(held / limit)
        yield Evidence(
            "memory that the process holds, of its limit", share, "above 90 %", "run.signals"
        )
