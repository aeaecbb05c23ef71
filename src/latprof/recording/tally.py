"""What can be told of latencies while a recording goes on: counts in buckets, however many come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.recording.rows import Rows

__all__ = ["Histogram", "Tally"]

Int64s = npt.NDArray[np.int64]

_ACCURACY = 0.01
_GAMMA = (1 + _ACCURACY) / (1 - _ACCURACY)
_PER_KEY = 1 / math.log(_GAMMA)
_KEYS = math.ceil(math.log(2**63) * _PER_KEY) + 1  # 17 KB hold any duration


class Histogram:
    """Durations by their logarithm: quantiles are within 1 %, whatever the distribution.

    Source:
        Masson, Rim and Lee, "DDSketch", VLDB 2019: bucket k holds what lies in
        (gamma^(k-1), gamma^k], with gamma = (1 + a) / (1 - a) for an accuracy a.

    >>> import numpy as np
    >>> histogram = Histogram()
    >>> histogram.add(np.arange(1, 1001) * 1000)
    >>> abs(histogram.quantile(0.5) / 500_000 - 1) <= 0.01
    True
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_KEYS, np.int64)

    def add(self, durations_ns: Int64s) -> None:
        """Count durations; those below 1 ns as 1 ns."""
        keys = np.ceil(np.log(np.maximum(durations_ns, 1)) * _PER_KEY).astype(np.intp)
        self._counts += np.bincount(keys, minlength=_KEYS)

    def quantile(self, q: float) -> int | None:
        """Return the nearest-rank quantile in ns; None where nothing was counted."""
        ranks = np.cumsum(self._counts)
        if not ranks[-1]:
            return None
        key = int(np.searchsorted(ranks, max(1, math.ceil(q * int(ranks[-1])))))
        return round(2 * _GAMMA**key / (_GAMMA + 1))


class Tally:
    """Latencies so far, and how late requests left although their worker was free.

    The rows of a worker come in the order in which it served them.
    """

    def __init__(self) -> None:
        self.latencies, self.lateness = Histogram(), Histogram()
        self._free_ns: dict[int, int] = {}  # since when, by worker

    def add(self, rows: Rows) -> None:
        """Count finished requests: latencies of those that were answered, lateness of all."""
        answered = rows[rows["status"] == 0]
        self.latencies.add(answered["finished_ns"] - answered["intended_ns"])
        if np.any(rows["started_ns"] > rows["intended_ns"]):  # in a closed loop none has a plan
            self.lateness.add(self._late_ns(rows))

    def _late_ns(self, rows: Rows) -> Int64s:
        """Return `started - max(intended, previous finish on that worker)`, at least 0."""
        rows = rows[np.lexsort((rows["started_ns"], rows["worker"]))]
        worker, finished_ns = rows["worker"], rows["finished_ns"]
        free_ns = np.zeros(len(rows), np.int64)
        free_ns[1:] = finished_ns[:-1]
        for first in np.flatnonzero(np.diff(worker, prepend=-1)).tolist():
            free_ns[first] = self._free_ns.get(int(worker[first]), 0)
        for last in np.flatnonzero(np.diff(worker, append=-1)).tolist():
            self._free_ns[int(worker[last])] = int(finished_ns[last])
        late_ns: Int64s = np.maximum(
            rows["started_ns"] - np.maximum(rows["intended_ns"], free_ns), 0
        )
        return late_ns
