"""Stalls: times in which a request's thread neither ran nor waited for a core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import (
    per_request,
    waits_in_stages,
    waits_of,
)
from latprof.analysis.parts import UNTRACKED

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["blocked_between", "blocked_of", "contrast"]

Floats = npt.NDArray[np.float64]

_RAN = 0.02  # of all CPU time: in a stage with less, nothing tells how it would have been stopped


def blocked_of(case: Case, part: str) -> Floats | None:
    """Return how long each request was blocked in a part, in ns; None where that is unknown."""
    return blocked_between(case) if part == UNTRACKED else case.blocked(part)


def blocked_between(case: Case) -> Floats | None:
    """Return how long requests were blocked outside all stages, in ns.

    What the process ran and what its threads waited for a core beyond the stages is taken off the
    time between them; that is known on average alone, and shared out in proportion.
    """
    between, waits = case.wall(UNTRACKED), waits_of(case)
    used = per_request(case, "process_cpu_s")
    if waits is None or used is None or not between.any():
        return None
    inside, cpus = waits_in_stages(case), [case.cpu(stage) for stage in case.stages]
    ran = used * 1e9 - sum(float(cpu.mean()) for cpu in cpus if cpu is not None)
    waited = 0.0 if inside is None else float((waits - inside).mean())
    busy = (max(0.0, ran) + waited) / float(between.mean())
    return np.asarray(between * max(0.0, 1.0 - busy))


def contrast(case: Case, stage: str) -> float | None:
    """Return the largest blocked share among the other stages in which the CPU was used.

    A thread that is stopped from outside, or waits for the GIL, is so wherever it runs; one that
    asks somebody else is so where it asks. None where no other stage runs.
    """
    cpu = {name: case.cpu(name) for name in case.stages}
    total = sum(float(each.sum()) for each in cpu.values() if each is not None)
    shares = [
        float(blocked.sum() / case.wall(name).sum())
        for name, ran in cpu.items()
        if name != stage
        and ran is not None
        and ran.sum() > _RAN * total
        and (blocked := case.blocked(name)) is not None
    ]
    return max(shares, default=None)
