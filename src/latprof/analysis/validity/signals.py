"""The signals of a run as series: how fast a total grew, how far a level stepped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.columns import int64s, words
from latprof.run.vocabulary import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from latprof.run.model import Run

    Series = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]

__all__ = ["Samples"]

# Below it, one hiccup of a second is most of the run, and says nothing of the others.
_SHORTEST_NS = 3_000_000_000


@dataclass(frozen=True, slots=True)
class Samples:
    """Series by the name of their signal; a signal that the system does not tell has none.

    Attributes:
        series: Of each signal the instants in ns, in order, and the values, both shape `(n,)`.
            Those of events (`latprof.run.vocabulary.EVENTS`) are no samples and have no rate.
        shortest_ns: For how long a total must have been watched to have a rate.
    """

    series: Mapping[str, Series]
    shortest_ns: float = _SHORTEST_NS

    @classmethod
    def of(cls, run: Run, shortest_ns: float = _SHORTEST_NS) -> Samples:
        """Read the signals of a run."""
        table = run.table("signals", ["time_ns", "signal", "value"])
        codes, names = words(table, "signal")
        times, values = int64s(table, "time_ns"), table["value"].to_numpy()
        order = np.argsort(times, kind="stable")
        codes, times, values = codes[order], times[order], values[order]
        return cls(
            {
                name: (times[codes == code], values[codes == code])
                for code, name in enumerate(names)
            },
            shortest_ns,
        )

    def rate(self, name: str) -> float | None:
        """Return by how much a total grew each second; None where too little of it is known."""
        if name not in self.series or name in EVENTS:
            return None
        times, values = self.series[name]
        if times[-1] - times[0] < self.shortest_ns:
            return None
        return float((values[-1] - values[0]) / (times[-1] - times[0]) * 1e9)

    def largest_step(self, name: str) -> float:
        """Return the largest change between two samples, with its sign; 0 without a signal."""
        if name not in self.series or self.series[name][1].size < 2:
            return 0.0
        steps = np.diff(self.series[name][1])
        return float(steps[np.argmax(np.abs(steps))])

    def median(self, name: str) -> float | None:
        """Return the usual value of a level; None without a signal."""
        return float(np.median(self.series[name][1])) if name in self.series else None

    def mean(self, name: str) -> float | None:
        """Return a level on average, which for a count seen at instants says more than its median.

        None without a signal.
        """
        return float(np.mean(self.series[name][1])) if name in self.series else None

    def points(self, name: str) -> Series:
        """Return instants in ns and values as recorded, in order; none without a signal."""
        return self.series.get(name, (np.empty(0, np.int64), np.empty(0)))
