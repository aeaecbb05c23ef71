"""A stage beside the model computes longer than the model does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["slow_stage"]

Floats = npt.NDArray[np.float64]

_CAUSE = "slow_stage"
_SHARE = 0.3  # of the usual request (METHODS, section 8)
_RUNS = 0.8  # of the stage's time that it was not waiting for a core (the same)
_LEAST_NS = 500_000.0  # of the stage: to prepare and pass on arrays takes Python some tenths
_LEFT = 0.1  # compiled or vectorised, a loop of the interpreter takes a tenth or less


def slow_stage(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the stage beside the model that computes most, where that is more than the model."""
    models = [stage for stage in case.stages if stage in case.model_stages]
    if not models:
        reason = "no stage is known to be the model's: which one is too slow is yours to say"
        yield Cleared(_CAUSE, reason, known=False)
        return
    usual = {stage: float(np.median(case.wall(stage))) for stage in case.stages}
    model = sum(usual[stage] for stage in models)
    beside = {stage: time for stage, time in usual.items() if stage not in models}
    stage = max(beside, key=lambda name: beside[name], default=None)
    whole = float(np.median(case.latency))
    if stage is None or beside[stage] < max(_SHARE * whole, model, _LEAST_NS):
        yield Cleared(_CAUSE, "no stage beside the model takes longer than it, and 0.5 ms")
        return
    runs = _runs(case, stage)
    if runs is None or runs < _RUNS:
        yield Cleared(_CAUSE, f"{stage} takes long, but it does not compute")
        return
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary="it computes longer than the model does",
        evidence=(
            Evidence(
                f"share of {stage} in the usual request",
                share_text(beside[stage] / whole),
                f"above {share_text(_SHARE)} and above the model's {share_text(model / whole)}",
                "run.breakdown()",
            ),
            Evidence(
                f"share of its time that {stage} computes",
                share_text(runs),
                f"above {share_text(_RUNS)}",
                "run.breakdown()",
            ),
        ),
        advice="Profile its code, and vectorise it or use a compiled library",
        refuted_by="replace it by a stub: if latency stays, it was not this stage",
        after_ns=case.without((1.0 - _LEFT) * case.wall(stage)),
        generic=True,
    )


def _runs(case: Case, stage: str) -> float | None:
    """Return which share of its time the stage computes, but for what it waited for a core."""
    cpu, waited = case.cpu(stage), case.runqueue(stage)
    if cpu is None:
        return None
    own = case.wall(stage).sum() - (0.0 if waited is None else waited.sum())
    return float(cpu.sum() / own) if own > 0 else None
