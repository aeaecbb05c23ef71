"""More threads than cores: the pools of a library are in their own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import (
    CROWDED,
    demand_of,
    per_request,
    waits_of,
)
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.infrastructure.pools import pools_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["thread_oversubscription"]

Floats = npt.NDArray[np.float64]

_CAUSE = "thread_oversubscription"
_WASTED = 1.5  # CPU time of the process against that of the threads that requests run in


def thread_oversubscription(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a pool where the process's own threads want more cores than there are."""
    demand, waits = demand_of(case), waits_of(case)
    if demand is None or demand.own is None or waits is None or case.cores is None:
        yield Cleared(_CAUSE, "how many threads wanted a core is not told", known=False)
        return
    if not demand.crowds_itself(case.cores):
        reason = f"{demand.own:.1f} own threads wanted one of {case.cores:g} cores"
        yield Cleared(_CAUSE, reason)
        return
    stage = _stage(case)
    share = max(1, int(case.cores / max(1.0, demand.in_flight)))
    after_ns = case.without(_saved(case, waits, stage))
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"{demand.own:.1f} of its own threads want one of {case.cores:g} cores at a time",
        evidence=tuple(_evidence(case, demand.own / case.cores)),
        advice=f"Give each pool at most {share} threads: intra_op_num_threads of ONNX Runtime, "
        "torch.set_num_threads, OMP_NUM_THREADS",
        refuted_by="set the pools to one thread: if nothing changes, they were not in their way",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _evidence(case: Case, crowded: float) -> Iterator[Evidence]:
    yield Evidence(
        "own threads that wanted a core, for each core",
        f"{crowded:.1f}",
        f"above {CROWDED}",
        "run.signals, process_cpu_s and threads_runqueue_s",
    )
    pools = [pool for pool in pools_of(case) if pool.threads > (case.cores or 1.0)]
    if pools:
        largest = f"{pools[0].threads} of {pools[0].library}"
        yield Evidence("threads of a pool", largest, f"above {case.cores:g} cores", "run.json")
    used = per_request(case, "process_cpu_s")
    own = _cpu(case)
    if used is not None and own > 0 and used * 1e9 > _WASTED * own:
        times = f"{used * 1e9 / own:.1f} times"
        yield Evidence(
            "CPU time of the process against that of requests' threads",
            times,
            f"above {_WASTED}",
            "run.signals, run.spans",
        )


def _cpu(case: Case) -> float:
    """Return the mean CPU time of the threads that requests run in, in ns."""
    known = [cpu for stage in case.stages if (cpu := case.cpu(stage)) is not None]
    return float(np.sum(known, axis=0).mean()) if known else 0.0


def _stage(case: Case) -> str:
    """Return where the pool computes: a stage of the model, else where threads wait most."""
    models = [stage for stage in case.stages if stage in case.model_stages]
    lost = {stage: _lost(case, stage) for stage in models or case.stages}
    return max(lost, key=lambda stage: lost[stage], default="")


def _lost(case: Case, stage: str) -> float:
    cpu = case.cpu(stage)
    return float(case.wall(stage).sum() - (0.0 if cpu is None else cpu.sum()))


def _saved(case: Case, waits: Floats, stage: str) -> Floats:
    """Return what each request would save, in ns.

    Waits for a core go. Where the calling thread sleeps until the others are done, they have no
    more to do than the CPU time of the process, shared among the cores.
    """
    cpu, blocked = case.cpu(stage), case.blocked(stage)
    used = per_request(case, "process_cpu_s")
    if cpu is None or blocked is None or used is None:
        return waits
    shared = used * 1e9 / (case.cores or 1.0)
    left = float(np.median(shared - cpu)) / max(float(np.median(blocked)), 1.0)
    return np.asarray(waits + np.clip(1.0 - left, 0.0, 1.0) * blocked)
