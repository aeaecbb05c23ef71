"""Cores with nothing to do, beside a model that computes on one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.infrastructure.cores import demand_of
from latprof.analysis.diagnosis.infrastructure.pools import pools_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["underused_cores"]

_CAUSE = "underused_cores"
# Measured: a forward pass of 1 to 6 ms gains nothing from a second thread, or loses, since its
# operators are shorter than it takes to hand out their parts.
_LONG_NS = 20e6
_HELD = 0.5  # of the response time, in the stage of the model
_RUNS = 0.8  # of that stage, on a core: it computes and does not wait
_IDLE = 0.5  # cores
# Amdahl's law, with what large matrix products reach: AFIPS 1967.
_PARALLEL = 0.9


def underused_cores(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a pool that is smaller than the machine where a long model leaves cores idle."""
    demand = demand_of(case)
    if demand is None or case.cores is None:
        yield Cleared(_CAUSE, "how busy the cores were is not told", known=False)
        return
    stage = _stage(case)
    idle = min(case.cores, (demand.machine or case.cores) - demand.others) - demand.ran
    threads = [pool.threads for pool in pools_of(case)]
    if stage is None or idle < _IDLE or not threads or max(threads) >= case.cores:
        reason = "no model computes so long on one core that others beside it would help"
        yield Cleared(_CAUSE, reason if stage is None else f"{max(idle, 0.0):.1f} cores were idle")
        return
    now, most = max(threads), int(case.cores)
    left = (_time(most) / _time(now)) if now < most else 1.0
    wall = case.wall(stage)
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"it computes with {now} of {most} cores, and the others have nothing to do",
        evidence=(
            Evidence("idle cores", f"{idle:.1f}", f"above {_IDLE}", "run.signals"),
            Evidence("threads of the largest pool", str(now), f"below {most} cores", "run.json"),
            Evidence(
                f"middle time of {stage}, {share_text(_ran(case, stage))} on a core",
                duration_text(float(np.median(wall))),
                f"above {duration_text(_LONG_NS)}",
                "run.breakdown()",
            ),
        ),
        advice=f"Let the library compute with {most} threads, or run a worker on each core",
        refuted_by=f"set {most} threads: if it takes as long, its operators are too small to share",
        after_ns=case.without((1.0 - left) * wall),
    )


def _time(threads: int) -> float:
    return (1.0 - _PARALLEL) + _PARALLEL / threads


def _stage(case: Case) -> str | None:
    """Return the stage of a model that computes long and alone, the longest; None without one."""
    stages = [stage for stage in case.stages if stage in case.model_stages]
    stages = [stage for stage in stages if _is_long(case, stage) and _ran(case, stage) >= _RUNS]
    return max(stages, key=lambda stage: float(case.wall(stage).sum()), default=None)


def _is_long(case: Case, stage: str) -> bool:
    middle = float(np.median(case.wall(stage)))
    return middle >= _LONG_NS and middle >= _HELD * float(np.median(case.latency))


def _ran(case: Case, stage: str) -> float:
    cpu = case.cpu(stage)
    return 0.0 if cpu is None else float(cpu.sum() / case.wall(stage).sum())
