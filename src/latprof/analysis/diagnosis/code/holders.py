"""Who held the GIL while a stage waited for it, as sampled stacks tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.lines import HotLine, hot_line

if TYPE_CHECKING:
    import pandas as pd

    from latprof.analysis.diagnosis.case import Case

__all__ = ["holder_of_gil"]

_SNAPSHOT_NS = 5_000_000  # all threads are stopped within some milliseconds, snapshots lie apart

Int64s = npt.NDArray[np.int64]


def holder_of_gil(case: Case) -> HotLine | None:
    """Return where the GIL was held by another thread while stages stood still.

    None without stacks, or with too few.
    """
    stacks = case.stacks
    if stacks is None:
        return None
    waiting = stacks[stacks["stage"].notna() & ~stacks["on_cpu"] & ~stacks["gil"]]
    held = stacks[stacks["gil"] & ~stacks["thread_id"].isin(_servers_alone(stacks))]
    near = _near(held["time_ns"].to_numpy(), np.sort(waiting["time_ns"].to_numpy()))
    return hot_line(held["stack"][near])


def _near(times_ns: Int64s, others_ns: Int64s) -> npt.NDArray[np.bool_]:
    """Return which instants are of a snapshot that has one of the others too."""
    first = np.searchsorted(others_ns, times_ns - _SNAPSHOT_NS)
    return np.asarray(first < np.searchsorted(others_ns, times_ns + _SNAPSHOT_NS))


def _servers_alone(stacks: pd.DataFrame) -> list[int]:
    """Return the thread that serves all requests, where it is one: it cannot wait for itself."""
    serving = stacks["thread_id"][stacks["stage"].notna()].unique()
    return [int(each) for each in serving] if len(serving) == 1 else []
