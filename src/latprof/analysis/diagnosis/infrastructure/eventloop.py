"""An event loop that stands still: while one request waits without awaiting, it serves nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from latprof.analysis.columns import int64s
from latprof.analysis.diagnosis.code.passages import concurrency

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["loop_stops"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 1.3  # requests in service on average: with fewer, nobody else is there to be stopped


def loop_stops(case: Case, stage: str) -> Floats | None:
    """Return how long each request was stopped while others were in a stage, in ns.

    None where the stage runs on several threads, or in one request at a time: then nobody is
    stopped by it. A stage that awaits lets others in, and has spans that lie over each other.
    """
    if concurrency(case) < _AT_ONCE:
        return None
    table = case.run.table("spans", ["stage", "thread_id", "start_ns", "end_ns"])
    table = table.filter(pc.equal(table["stage"], stage))
    if len(pc.unique(table["thread_id"])) != 1:
        return None
    starts, ends = int64s(table, "start_ns"), int64s(table, "end_ns")
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    if not starts.size or (starts[1:] < ends[:-1]).any():
        return None
    requests = case.requests
    during = _within(starts, ends, requests.finished_ns)
    during -= _within(starts, ends, requests.intended_ns)
    return np.maximum(during - case.wall(stage), 0.0)


def _within(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], instants: npt.NDArray[np.int64]
) -> Floats:
    """Return how much of the spans, which do not overlap, lies before each instant."""
    whole = np.concatenate([[0], np.cumsum(ends - starts)])
    begun = np.searchsorted(starts, instants, side="right")
    last = np.maximum(begun - 1, 0)
    left = np.where(begun > 0, np.maximum(ends[last] - instants, 0), 0)
    return np.asarray(whole[begun] - left, dtype=np.float64)
