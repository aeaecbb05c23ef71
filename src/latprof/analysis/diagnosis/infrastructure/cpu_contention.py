"""Neighbours: other processes keep the cores busy that requests wait for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from latprof.analysis.diagnosis.infrastructure.cores import Demand, demand_of, waits_of
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["cpu_contention"]

_CAUSE = "cpu_contention"
# Measured on two cores: half of a stage is spent waiting for a core beside two busy processes,
# four fifths beside four, at most a fifth on a machine with nobody else.
_WAITED = 0.3
_OTHERS = 0.5  # cores; any machine does less than that in the background
# The share of the time in which some task waits: beside as many busy processes as there are cores
# it is nearly all of it. Bursts, as of a build that comes and goes, stay below.
_PRESSURE = 0.8
_STOLEN = 0.05  # of the time that cores had work; hypervisors take less when nothing is wrong


def cpu_contention(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect neighbours where requests wait for cores that others keep busy."""
    waits, demand = waits_of(case), demand_of(case)
    if waits is None or demand is None:
        yield Cleared(_CAUSE, "how long threads waited for a core is not told", known=False)
        return
    waited = float(waits.sum() / max(case.service.sum(), 1.0))
    if waited < _WAITED:
        reason = f"requests waited for a core {share_text(waited)} of their time"
        yield Cleared(_CAUSE, reason)
        return
    taken = list(_takers(case, demand))
    if not taken or demand.crowds_itself(case.cores):
        yield Cleared(_CAUSE, "who kept the cores busy were the process's own threads, or nobody")
        return
    after_ns = case.without(waits)
    waiting = Evidence(
        "share of their time that requests waited for a core",
        share_text(waited),
        f"above {share_text(_WAITED)}",
        "run.breakdown(), column runqueue",
    )
    yield Suspicion(
        cause=_CAUSE,
        stage="",
        summary="other processes keep the cores busy that its requests wait for",
        evidence=(waiting, *taken),
        advice="Give the service cores of its own: stop the neighbours, pin them elsewhere, or "
        "reserve whole CPUs",
        refuted_by="run it with the neighbours stopped: if nothing changes, it was not they",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _takers(case: Case, demand: Demand) -> Iterator[Evidence]:
    """Yield what says that others took the cores, all the time and not in bursts."""
    pressure = case.signals.rate("pressure_cpu_some_s")
    runnable = case.signals.mean("runnable_others")
    stolen = case.signals.rate("machine_cpu_steal_s") or 0.0
    if stolen > _STOLEN * (demand.ran + demand.others + stolen):
        share = share_text(stolen / (demand.ran + demand.others + stolen))
        yield Evidence("time that the hypervisor took", share, "above 5 %", "run.signals")
    if demand.others < _OTHERS:
        return
    cores = demand.machine or case.cores or 1.0
    lasting = (
        pressure >= _PRESSURE if pressure is not None else (runnable is None or runnable >= cores)
    )
    if not lasting:
        return
    used = f"{demand.others:.1f}"
    yield Evidence("cores that other processes used", used, f"above {_OTHERS}", "run.signals")
    if pressure is not None:
        share = share_text(pressure)
        yield Evidence("time in which a task waited for a core", share, "above 80 %", "run.signals")
