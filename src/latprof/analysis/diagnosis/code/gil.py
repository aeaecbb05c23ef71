"""Other threads of the process hold the interpreter while requests wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.diagnosis.case import Case

__all__ = ["gil_contention", "holds_interpreter"]

Floats = npt.NDArray[np.float64]

# CPython hands the interpreter over after 5 ms (sys.getswitchinterval). Where a thread that only
# wants to wake up is usually late by half of that, somebody computes in Python most of the time.
_LATE_S = 0.0025
# Beside one busy Python thread a stage is blocked for .27 to .30 of its time, beside two for half
# of it; alone for less than a hundredth (METHODS, section 8).
_BLOCKED = 0.2
_OTHERS_CORES = 0.15  # of the process, outside the threads of requests: less is housekeeping
_MOST = 0.6  # of the blocked time: then it is that stage's, else the whole service's


def gil_contention(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the interpreter's lock where stages are blocked while own threads compute."""
    blocked = {stage: case.blocked(stage) for stage in case.stages}
    known = {stage: times for stage, times in blocked.items() if times is not None}
    late_s = case.signals.median("heartbeat_late_p50_s")
    if not known or late_s is None:
        yield Cleared("gil_contention", "it takes the full probe and signals", known=False)
        return
    wall = sum(float(case.wall(stage).sum()) for stage in known)
    lost = sum(known.values(), np.zeros(case.n))
    share = float(lost.sum()) / wall if wall else 0.0
    if share < _BLOCKED:
        yield Cleared("gil_contention", f"stages are blocked for {share_text(share)} of their time")
        return
    if late_s < _LATE_S:
        reason = f"a thread that asks to be woken usually is, within {duration_text(1e9 * late_s)}"
        yield Cleared("gil_contention", reason)
        return
    others = _others(case)
    if not others:
        yield Cleared("gil_contention", "no other thread of the process computes beside a request")
        return
    yield _suspicion(case, known, lost, share, late_s, others)


def holds_interpreter(case: Case) -> bool:
    """Return whether somebody in the process computes in Python most of the time."""
    late_s = case.signals.median("heartbeat_late_p50_s")
    return late_s is not None and late_s >= _LATE_S


def _others(case: Case) -> tuple[Evidence, ...]:
    """Return what shows that own threads compute beside a request; nothing where none does."""
    found = []
    at_once = _at_once(case)
    if at_once >= 1.5:
        found.append(
            Evidence("requests at once", f"{at_once:.1f}", "more than one", "run.requests")
        )
    process = case.signals.rate("process_cpu_s")
    span = case.requests.finished_ns.max() - case.requests.started_ns.min()
    served = sum(float(cpu.sum()) for s in case.stages if (cpu := case.cpu(s)) is not None)
    if process is not None and span > 0 and process - served / span >= _OTHERS_CORES:
        cores = process - served / span
        text = f"{cores:.2f} cores"
        found.append(
            Evidence("CPU of threads that serve no request", text, "above 0.15", "run.signals")
        )
    return tuple(found)


def _at_once(case: Case) -> float:
    """Return how many requests are in service at a time, on average while any is."""
    span = float(case.requests.finished_ns.max() - case.requests.started_ns.min())
    return float(case.service.sum()) / span if span > 0 else 0.0


def _suspicion(
    case: Case,
    blocked: dict[str, Floats],
    lost: Floats,
    share: float,
    late_s: float,
    others: tuple[Evidence, ...],
) -> Suspicion:
    after = case.without(lost)
    fallen = float(np.median(case.latency) - np.median(after))
    worst = max(blocked, key=lambda stage: float(blocked[stage].sum()))
    is_there = float(blocked[worst].sum()) >= _MOST * float(lost.sum())
    return Suspicion(
        cause="gil_contention",
        stage=worst if is_there else "",
        summary="its threads wait for Python's interpreter lock, which others of the process hold",
        evidence=(
            Evidence("blocked share of stages", share_text(share), "above 20 %", "run.breakdown()"),
            Evidence(
                "how late a thread usually wakes up",
                duration_text(1e9 * late_s),
                "above 2.5 ms, half of the switch interval",
                "run.signals",
            ),
            *others,
        ),
        advice="Move the other work into processes of its own, or into native code that lets go "
        "of the lock",
        refuted_by="stop the other threads, and latency stays as it is",
        after_ns=after,
        level="typical" if fallen >= 0.1 * float(np.median(case.latency)) else "tail",
    )
