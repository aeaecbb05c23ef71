"""A compiled model is compiled again in the midst of the load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.code.modelstage import model_stage
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["recompilation"]

_CAUSE = "recompilation"
_FEWEST = 3  # of measured requests: once or twice, a new kind of input is met in any service


def recompilation(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect compilations that go on in measured requests: what they took is what is gained."""
    count, took = case.attribute("recompilations"), case.attribute("compile_ns")
    if count is None or took is None:
        yield Cleared(_CAUSE, "nothing was compiled in a measured request")
        return
    compiled = np.nan_to_num(count.values.astype(np.float64))
    took_ns = np.nan_to_num(took.values.astype(np.float64))
    hit = compiled > 0
    if hit.sum() < _FEWEST:
        yield Cleared(_CAUSE, f"{int(hit.sum())} measured requests compiled something")
        return
    after_ns = case.without(took_ns)
    evidence = [
        Evidence(
            "measured requests in which torch.compile compiles",
            f"{int(hit.sum())} ({share_text(float(hit.mean()))})",
            f"at least {_FEWEST}, beyond the cold ones",
            "run.requests, attr.recompilations",
        ),
        Evidence(
            "time that it takes in them",
            duration_text(float(np.median(took_ns[hit]))),
            "of their latency of " + duration_text(float(np.median(case.latency[hit]))),
            "run.requests, attr.compile_ns",
        ),
    ]
    yield Suspicion(
        cause=_CAUSE,
        stage=model_stage(case),
        summary="the model is compiled again for inputs that come later",
        evidence=tuple(evidence),
        advice="Mark the dimensions that change as dynamic, pad to a few shapes, "
        "or compile them all before the load",
        refuted_by="send inputs of one shape alone: if requests still compile, it is not the shape",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )
