"""A module of small operations runs them one by one, and each costs more than its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.code.modelstage import (
    arithmetic_ns,
    calibrated,
    computing,
    model_stage,
    numbers,
    words,
)
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["eager_model"]

_CAUSE = "eager_model"
_TIMES = 20.0  # the arithmetic: a model as small as that is still bound by its operations
_SLOW_NS = 500_000.0  # of the model's time: a handful of operations is never compiled for less
_COMPUTES = 0.8  # of its time on a core, but for the wait for one
# Fused operations still have to be called: 0.63 and 0.72 of the time remained of two models that
# torch.compile took, and it differs from model to model.
_LEFT = 0.65


def eager_model(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect eager execution where the arithmetic is next to nothing beside the model's time."""
    how, stage = words(case, "execution"), model_stage(case)
    if not how or not stage:
        yield Cleared(_CAUSE, "no call of a torch module was seen", known=False)
        return
    calls, least = numbers(case, "forwards"), arithmetic_ns(case)
    if how != {"eager"} or "provider" in case.attributes:
        yield Cleared(_CAUSE, f"models are run otherwise too: {', '.join(sorted(how))}")
        return
    rate = calibrated(case, "multiplications_per_s")
    if calls is None or least is None or rate is None:
        yield Cleared(_CAUSE, "what the arithmetic of a call takes is not known", known=False)
        return
    usual = float(np.median(computing(case, stage) / np.maximum(calls, 1.0)))
    bound = float(np.median(least / np.maximum(calls, 1.0)))
    if usual < max(_TIMES * bound, _SLOW_NS):
        yield Cleared(_CAUSE, "the model's calls are short, or hold arithmetic enough")
        return
    runs = _runs(case, stage)
    if runs is None or runs < _COMPUTES:
        yield Cleared(_CAUSE, f"{stage} takes long, but it does not compute")
        return
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary="its operations are called one by one, and cost more than what they compute",
        evidence=(
            Evidence(
                "time of a call of the model on a core",
                duration_text(usual),
                f"above {_TIMES:.0f} times its arithmetic of {duration_text(bound)}",
                "run.breakdown(), run.manifest['calibration']",
            ),
            Evidence(
                f"share of its time that {stage} computes",
                share_text(runs),
                f"above {share_text(_COMPUTES)}: it waits for nothing",
                "run.breakdown()",
            ),
        ),
        advice="Compile the model, or trace and freeze it, or run it by ONNX Runtime",
        refuted_by="run it compiled, by latprof.duel: if it takes as long, this is wrong",
        after_ns=case.without((1.0 - _LEFT) * case.wall(stage)),
        generic=True,
    )


def _runs(case: Case, stage: str) -> float | None:
    cpu, waited = case.cpu(stage), case.runqueue(stage)
    if cpu is None:
        return None
    own = case.wall(stage).sum() - (0.0 if waited is None else waited.sum())
    return float(cpu.sum() / own) if own > 0 else None
