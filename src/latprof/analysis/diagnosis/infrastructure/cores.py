"""Who wanted the cores while requests were served: the process's threads, and everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.parts import UNTRACKED

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = [
    "CROWDED",
    "Demand",
    "cores_of_stages",
    "demand_of",
    "per_request",
    "waits_in_stages",
    "waits_of",
]

Floats = npt.NDArray[np.float64]

CROWDED = 1.3
"""Own threads that want a core, for each core: measured on two, one request or two with a pool of
one thread or two want 1 at most, a pool of four 2, one of eight 2 to 3.7."""
_PER_REQUEST = 1.5  # of them, for each request in flight: else it is requests that crowd


class Demand(NamedTuple):
    """How many cores were wanted on average.

    Attributes:
        in_flight: Requests that were being served.
        own: Threads of the process that ran or waited for a core; None where unknown.
        ran: Cores that the process used.
        others: Cores that other processes used.
        machine: Cores that the machine has; None where unknown.
    """

    in_flight: float
    own: float | None
    ran: float
    others: float
    machine: float | None

    def crowds_itself(self, cores: float | None) -> bool:
        """Whether the process's own threads are in each other's way, not requests or neighbours."""
        if self.own is None or cores is None:
            return False
        return self.own >= CROWDED * cores and self.own >= _PER_REQUEST * max(1.0, self.in_flight)


def demand_of(case: Case) -> Demand | None:
    """Return who wanted the cores; None where the run is too short or the system tells nothing."""
    ran = case.signals.rate("process_cpu_s")
    busy = case.signals.rate("machine_cpu_busy_s")
    if ran is None or busy is None:
        return None
    waited = case.signals.rate("threads_runqueue_s")
    logical = case.manifest["environment"].get("cpu", {}).get("logical_cores")
    answered = case.answered
    span_ns = float(answered.finished_ns.max() - answered.started_ns.min())
    return Demand(
        in_flight=float(answered.service_ns.sum()) / max(span_ns, 1.0),
        own=None if waited is None else ran + waited,
        ran=ran,
        others=max(0.0, busy - ran),
        machine=None if logical is None else float(logical),
    )


def cores_of_stages(case: Case) -> float:
    """Return how many cores the threads of all stages used on average."""
    requests = case.requests
    cpu = sum(each.sum() for stage in case.stages if (each := case.cpu(stage)) is not None)
    span_ns = float(requests.finished_ns.max() - requests.started_ns.min())
    return float(cpu) / span_ns if span_ns > 0 else 0.0


def per_request(case: Case, total: str) -> float | None:
    """Return by how much a total grew with each answered request; None where it is not known.

    From the first request that is measured on: what was loaded before is not theirs.
    """
    times_ns, values = case.signals.points(total)
    if not case.n or times_ns.size < 2:
        return None
    first = int(np.searchsorted(times_ns, case.requests.started_ns.min(), side="right")) - 1
    since = max(0, min(first, times_ns.size - 2))
    ends = case.answered.finished_ns
    answered = int(((ends > times_ns[since]) & (ends <= times_ns[-1])).sum())
    return float(values[-1] - values[since]) / answered if answered else None


def waits_in_stages(case: Case) -> Floats | None:
    """Return how long each request waited for a core in its stages, in ns; None where unknown."""
    known = [each for stage in case.stages if (each := case.runqueue(stage)) is not None]
    return np.asarray(np.sum(known, axis=0)) if known else None


def waits_of(case: Case) -> Floats | None:
    """Return how long each request waited for a core, in ns; None where the system does not tell.

    In its stages that was measured. Reading a thread's times is also where the scheduler takes
    its core away, so a part of the wait lies between stages: there, what all threads of the
    process waited beyond the stages is put down, in proportion to the time between stages.
    """
    inside = waits_in_stages(case)
    if inside is None:
        return None
    waited = per_request(case, "threads_runqueue_s")
    if waited is None:
        return inside
    between = case.wall(UNTRACKED)
    beyond = max(0.0, waited * 1e9 - float(inside.mean()))
    share = min(1.0, beyond / max(float(between.mean()), 1.0))
    return np.asarray(inside + share * between)
