"""How much each part of the service grew from the requests before an instant to those after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["at_work", "grown_part", "worked"]

Floats = npt.NDArray[np.float64]


def worked(case: Case, part: str) -> Floats:
    """Return the time of a part in each request, without what it waited for a core.

    A neighbour on the machine takes cores away; that is not the service's own doing.
    """
    waited = case.runqueue(part)
    wall = case.wall(part)
    return wall if waited is None else np.maximum(wall - waited, 0.0)


def at_work(case: Case) -> Floats:
    """Return the service time of each request, without what its stages waited for a core."""
    waits = [wait for stage in case.stages if (wait := case.runqueue(stage)) is not None]
    return (
        np.asarray(np.maximum(case.service - np.sum(waits, axis=0), 0.0)) if waits else case.service
    )


def grown_part(case: Case, late: npt.NDArray[np.bool_]) -> str:
    """Return the part whose mean grew most from the early requests to the late ones."""
    grown = {
        part: float(case.wall(part)[late].mean() - case.wall(part)[~late].mean())
        for part in case.parts
    }
    return max(grown, key=grown.__getitem__)
