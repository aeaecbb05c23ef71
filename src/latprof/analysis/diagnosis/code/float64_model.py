"""The model computes in float64, which nothing that serves needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.code.modelstage import (
    DOUBLE,
    arithmetic_ns,
    computing,
    model_stage,
    words,
)
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["float64_model"]

_CAUSE = "float64_model"
_LEFT = 0.5  # float32 has half the bytes, and twice as many numbers in a vector
_MULTIPLIES = 0.2  # of the model's time on a core: with less, calls cost more than numbers


def float64_model(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a model with weights or outputs of 8 bytes, if its time is that of arithmetic."""
    weights, outputs = words(case, "weights_dtype"), words(case, "output_dtype")
    stage = model_stage(case)
    if not (weights or outputs) or not stage:
        yield Cleared(_CAUSE, "no call of a model was seen", known=False)
        return
    if DOUBLE not in (weights or outputs):
        yield Cleared(_CAUSE, f"models compute in {', '.join(sorted(weights or outputs))}")
        return
    least_ns = arithmetic_ns(case)
    if least_ns is None:
        yield Cleared(_CAUSE, "what the arithmetic of a call takes is not known", known=False)
        return
    share = float(np.median(least_ns / computing(case, stage)))
    if share < _MULTIPLIES:
        yield Cleared(_CAUSE, f"arithmetic takes {share_text(share)} of the model's time")
        return
    held, column = ("weights", "weights_dtype") if weights else ("outputs", "output_dtype")
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary="the model computes in float64",
        evidence=(
            Evidence(
                f"type of the {held}",
                DOUBLE,
                "float32 or less in a model that serves",
                f"run.requests, attr.{column}",
            ),
            Evidence(
                "time of its multiplications in float64, of the model's time on a core",
                share_text(min(share, 1.0)),
                f"above {share_text(_MULTIPLIES)}",
                "run.manifest['calibration']",
            ),
        ),
        advice="Convert the weights and the inputs to float32, and compare the outputs",
        refuted_by="convert it to float32: if it takes as long, this is wrong",
        after_ns=case.without((1.0 - _LEFT) * case.wall(stage)),
    )
