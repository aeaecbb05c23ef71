"""A CPU quota: the whole process is stopped until its next period begins.

Source: Linux, Documentation/scheduler/sched-bwc.rst: a group that has used up its quota stands
still until the period, mostly of 100 ms, is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import cores_of_stages, waits_of
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.infrastructure.stalls import blocked_between, contrast
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["cpu_quota"]

Floats = npt.NDArray[np.float64]

_CAUSE = "cpu_quota"
_THROTTLED = 0.05  # of the periods: one in twenty is in the p95 of requests as long as a period
# A quota stops for a good part of its period of 100 ms. A thread that waits for the GIL is stopped
# for 5 ms, or a few times that.
_STOP_NS = 10e6
# A thread that is usually late, while others of the process compute, waits for the interpreter.
_LATE_S, _BESIDE = 0.002, 0.3
_STOPS = 5  # requests that were stopped; fewer are chance
_SHARE = 0.1  # of the time of requests
_ALIKE = 2.0  # upper quartile of the stops against the lower: a period does not change
# Stopped wherever they run, all stages are blocked for a similar share of their time.
_EVERYWHERE = 0.3


def cpu_quota(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a quota where a control group tells so, or where the process stands still again."""
    told = list(_told(case))
    stops = _stops(case)
    seen = [] if stops is None else list(_seen(case, stops))
    if not told and len(seen) < 3:
        known = case.signals.rate("cgroup_periods") is not None or stops is not None
        reason = "the process was not stopped again and again" if known else "stops are not told"
        yield Cleared(_CAUSE, reason, known=known)
        return
    stopped = np.zeros(case.n) if stops is None else stops
    after_ns = case.without(stopped + _standing(case) if told else stopped)
    yield Suspicion(
        cause=_CAUSE,
        stage="",
        summary="the whole process stands still again and again, as a CPU quota makes it",
        evidence=(*told, *seen),
        advice="Raise the CPU limit of the container, or use fewer threads so that it lasts",
        refuted_by="run it without a limit: if the stops stay, something else makes them",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _told(case: Case) -> Iterator[Evidence]:
    stopped = case.signals.rate("cgroup_throttled_periods")
    periods = case.signals.rate("cgroup_periods")
    if stopped and periods and stopped > _THROTTLED * periods:
        share = share_text(stopped / periods)
        yield Evidence("periods that the quota cut short", share, "above 5 %", "run.signals")


def _standing(case: Case) -> Floats:
    """Return how long requests waited for a core, in ns.

    Under a quota the kernel may count a thread that is stopped as one that waits.
    """
    waits = waits_of(case)
    return np.zeros(case.n) if waits is None else waits


def _stops(case: Case) -> Floats | None:
    """Return how long each request was stopped, in ns: long enough for a quota, else zero."""
    known = [blocked for stage in case.stages if (blocked := case.blocked(stage)) is not None]
    if not known:
        return None
    between = blocked_between(case)
    blocked = np.sum(known, axis=0) + (0.0 if between is None else between)
    usual = float(np.median(blocked))
    return np.where(blocked - usual >= _STOP_NS, blocked, 0.0)


def _seen(case: Case, stops: Floats) -> Iterator[Evidence]:
    """Yield what tells stops of the whole process from waits of one stage."""
    lengths = stops[stops > 0]
    share = float(lengths.sum() / case.service.sum())
    if lengths.size < _STOPS or share < _SHARE or _is_interpreter(case):
        return
    low, middle, high = np.quantile(lengths, [0.25, 0.5, 0.75])
    if high <= _ALIKE * low:
        text = f"{duration_text(float(low))} to {duration_text(float(high))}"
        yield Evidence(
            "length of the stops, middle half", text, "within a factor of 2", "run.spans"
        )
    late_s = case.signals.median("heartbeat_late_max_s")
    if late_s is not None and late_s * 1e9 >= 0.5 * middle:
        text = duration_text(late_s * 1e9)
        limit = f"above half of {duration_text(float(middle))}"
        yield Evidence("delay of a thread of its own, each second", text, limit, "run.signals")
    if _is_everywhere(case, share):
        text = share_text(share)
        yield Evidence("stopped share of requests, in all stages", text, "above 10 %", "run.spans")


def _is_interpreter(case: Case) -> bool:
    late_s = case.signals.median("heartbeat_late_p50_s") or 0.0
    used = case.signals.rate("process_cpu_s")
    return late_s >= _LATE_S and (used is None or used - cores_of_stages(case) >= _BESIDE)


def _is_everywhere(case: Case, share: float) -> bool:
    shares = [contrast(case, stage) for stage in case.stages]
    known = [each for each in shares if each is not None]
    return min(known, default=share) >= _EVERYWHERE * share
