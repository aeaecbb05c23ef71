"""GIL contention: stages that compute stand still while other Python threads of the process run.

What is seen: threads of stages neither run nor wait for a core; a thread that asks to be woken is
late by about the switch interval of CPython (5 ms); and the process used more CPU than the stages
did, or several requests at once together no more than about one core. A long stage in plain Python
alone makes the heartbeat late too, but is never blocked itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.code.holders import holder_of_gil
from latprof.analysis.diagnosis.code.passages import concurrency
from latprof.analysis.diagnosis.infrastructure.cores import cores_of_stages
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case
    from latprof.analysis.diagnosis.lines import HotLine
    from latprof.analysis.diagnosis.suspicion import Level

__all__ = ["gil_contention"]

Floats = npt.NDArray[np.float64]

_CAUSE = "gil_contention"
_BLOCKED = 0.2  # of the time of all stages: healthy ones have at most 0.06, one hog makes it 0.27
_LATE_S = 0.002  # of a switch interval of 5 ms; 0.1 to 0.3 ms where nobody keeps the GIL
_BESIDE = 0.3  # cores that something besides the stages used
_AT_ONCE = 1.5  # requests: from here on they are each other's other threads
_ONE_CORE = 1.35  # what threads that take turns use together; the rest is native code beside them
_WAITS = 0.1  # a stage that runs less than this share waits for something of its own
_USUAL = 0.05  # quantile: how long such a stage waits where nobody is in its way
_WORTH = 0.1  # of the median: less shows in the tail alone


class _Seen(NamedTuple):
    """What speaks for it.

    Attributes:
        blocked: Share of the time of the stages in which they stood still.
        late_s: How late the heartbeat usually was.
        cpu: Cores that the process used.
        of_stages: Cores that its stages used.
        at_once: Requests in service at once.
    """

    blocked: float
    late_s: float
    cpu: float
    of_stages: float
    at_once: float

    @property
    def has_others(self) -> bool:
        """Whether there is another thread that can hold the GIL."""
        if self.cpu - self.of_stages >= _BESIDE:
            return True
        return self.at_once >= _AT_ONCE and self.cpu <= _ONE_CORE


def gil_contention(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect other Python threads where stages stand still and the heartbeat is late."""
    lost = {stage: each for stage in case.stages if (each := _lost(case, stage)) is not None}
    late_s = case.signals.median("heartbeat_late_p50_s")
    cpu = case.signals.rate("process_cpu_s")
    if not lost or late_s is None or cpu is None:
        yield Cleared(_CAUSE, "no run-queue times, heartbeat or CPU time in this run", known=False)
        return
    seen = _Seen(_share(case, lost), late_s, cpu, cores_of_stages(case), concurrency(case))
    if late_s < _LATE_S:
        yield Cleared(_CAUSE, f"a thread that asks to be woken is {1e3 * late_s:.1f} ms late")
    elif seen.blocked < _BLOCKED or not seen.has_others:
        yield Cleared(_CAUSE, f"stages stand still for {seen.blocked:.0%} of their time")
    else:
        yield _suspicion(case, lost, seen)


def _lost(case: Case, stage: str) -> Floats | None:
    """Return how long a stage stood still in each request, its own usual waits left out."""
    blocked, cpu = case.blocked(stage), case.cpu(stage)
    if blocked is None or cpu is None:
        return None
    if cpu.sum() >= _WAITS * case.wall(stage).sum():
        return blocked
    return np.maximum(blocked - np.quantile(blocked, _USUAL), 0.0)


def _share(case: Case, lost: dict[str, Floats]) -> float:
    wall = sum(case.wall(stage).sum() for stage in lost)
    return float(sum(each.sum() for each in lost.values()) / wall) if wall else 0.0


def _suspicion(case: Case, lost: dict[str, Floats], seen: _Seen) -> Suspicion:
    stage = max(lost, key=lambda name: float(lost[name].sum()))
    after_ns = case.without(_saved(case, lost))
    holder = holder_of_gil(case)
    who = "requests that are served at once take turns" if _is_own(seen) else "another thread runs"
    return Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"it stands still while {who} in the interpreter",
        evidence=tuple(_evidence(stage, lost[stage], case, seen, holder)),
        advice=(
            "Serve with processes instead of threads"
            if _is_own(seen)
            else "Move the work beside the requests to a process of its own"
        ),
        refuted_by=(
            "Serve one request at a time: if each takes as long, they do not wait for each other."
            if _is_own(seen)
            else "Stop the other Python threads: if requests take as long, they are not the cause."
        ),
        after_ns=after_ns,
        level=_level(case, after_ns),
    )


def _is_own(seen: _Seen) -> bool:
    return seen.cpu - seen.of_stages < _BESIDE


def _saved(case: Case, lost: dict[str, Floats]) -> Floats:
    """Return what each request would not have waited: for the GIL, and for a core after it.

    A thread that was given the GIL has yet to be woken and to get a core; that wait comes with
    the other, and goes with it.
    """
    saved = np.zeros(case.n)
    for stage, blocked in lost.items():
        runqueue = case.runqueue(stage)
        if runqueue is not None:
            saved += blocked + np.where(blocked > _BLOCKED * case.wall(stage), runqueue, 0.0)
    return saved


def _level(case: Case, after_ns: Floats) -> Level:
    """Return where it shows: short requests mostly slip through between two turns of a hog."""
    before, after = np.median(case.latency), np.median(after_ns)
    return "typical" if before - after >= _WORTH * before else "tail"


def _evidence(
    stage: str, blocked: Floats, case: Case, seen: _Seen, holder: HotLine | None
) -> Iterator[Evidence]:
    share = blocked.sum() / max(case.wall(stage).sum(), 1.0)
    where = "run.breakdown()"
    yield Evidence(f"blocked share of {stage}", f"{share:.0%}", f"above {_BLOCKED:.0%}", where)
    late = f"{1e3 * seen.late_s:.1f} ms"
    yield Evidence("lateness of a thread that asks to be woken", late, "above 2 ms", "run.signals")
    if _is_own(seen):
        yield Evidence(
            f"CPU of the process with {seen.at_once:.1f} requests at once",
            f"{seen.cpu:.2f} cores",
            f"at most {_ONE_CORE:g}",
            "run.signals",
        )
    else:
        yield Evidence(
            "CPU that the process used outside its stages",
            f"{seen.cpu - seen.of_stages:.2f} cores",
            f"above {_BESIDE:g}",
            "run.signals",
        )
    if holder is not None:
        yield holder.evidence("holder of the GIL while stages stood still")
