"""Who held what a stage waited for, and where a stage was, as sampled stacks tell it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.frames import frames_of, own_caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from latprof.analysis.diagnosis.case import Case

__all__ = ["holder_of_gil", "most_frequent"]

_FEWEST = 5  # samples: fewer name nobody
_SNAPSHOT_NS = 5_000_000  # all threads are stopped within some milliseconds, snapshots lie apart

Int64s = npt.NDArray[np.int64]


def holder_of_gil(case: Case) -> tuple[str, float] | None:
    """Return where the GIL was held by another thread while stages stood still.

    Returns:
        The line, and its share of those samples; None without stacks, or with too few.
    """
    stacks = _stacks(case)
    if stacks is None:
        return None
    waiting = stacks[stacks["stage"].notna() & ~stacks["on_cpu"] & ~stacks["gil"]]
    held = stacks[stacks["gil"] & ~stacks["thread_id"].isin(_servers_alone(stacks))]
    near = _near(held["time_ns"].to_numpy(), np.sort(waiting["time_ns"].to_numpy()))
    return most_frequent(held["stack"][near].astype(str))


def _near(times_ns: Int64s, others_ns: Int64s) -> npt.NDArray[np.bool_]:
    """Return which instants are of a snapshot that has one of the others too."""
    first = np.searchsorted(others_ns, times_ns - _SNAPSHOT_NS)
    return np.asarray(first < np.searchsorted(others_ns, times_ns + _SNAPSHOT_NS))


def _servers_alone(stacks: pd.DataFrame) -> list[int]:
    """Return the thread that serves all requests, where it is one: it cannot wait for itself."""
    serving = stacks["thread_id"][stacks["stage"].notna()].unique()
    return [int(each) for each in serving] if len(serving) == 1 else []


def most_frequent(stacks: Iterable[str]) -> tuple[str, float] | None:
    """Return the most frequent line outside of libraries, and its share; None of too few."""
    lines = Counter(str(own_caller(frames_of(stack))) for stack in stacks)
    total = lines.total()
    if total < _FEWEST:
        return None
    line, found = lines.most_common(1)[0]
    return line, found / total


def _stacks(case: Case) -> pd.DataFrame | None:
    if "stacks" not in case.manifest["counts"]:
        return None
    return case.run.stacks
