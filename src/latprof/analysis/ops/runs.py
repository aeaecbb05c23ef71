"""Runs of the model inside a profile: which event belongs to which, and which were warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from latprof.analysis.phases import phases
from latprof.run.vocabulary import PHASES
from latprof.units import counted_text

__all__ = ["OUTSIDE", "Runs", "Warmup"]

Warmup = Literal["auto"] | int
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OUTSIDE = -1
_FEWEST_TO_TELL = 5
_FAR = 3.0
_FAR_FROM_MEDIAN = 1.5  # nor is a run disturbed that is hardly slower, however quiet the others are


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one profile, in the order of their starts.

    Attributes:
        start_ns: Starts, shape `(n,)`.
        end_ns: Ends, shape `(n,)`.
        measured: Which of them count, shape `(n,)`, bool.
        warmup: How many were left out as cold or warm-up.
    """

    start_ns: Integers
    end_ns: Integers
    measured: Mask
    warmup: int

    @classmethod
    def told_apart(cls, start_ns: Integers, duration_ns: Integers, warmup: Warmup) -> Runs:
        """Order the runs and leave out cold and warm-up ones; at least one is left.

        With "auto" also the disturbed: one run that the machine interrupted would make the operator
        that it hit the most expensive of all.

        Raises:
            UsageError: `warmup` is neither "auto" nor a whole number of at least 0.
        """
        order = np.argsort(start_ns, kind="stable")
        durations = duration_ns[order]
        steady = phases(durations, warmup).codes == PHASES.index("steady")
        if steady.size and not steady.any():
            steady[-1] = True
        calm = _calm(durations, steady) if warmup == "auto" else steady
        starts = start_ns[order]
        return cls(starts, starts + durations, calm, int((~steady).sum()))

    def of(self, instants_ns: Integers) -> Integers:
        """Return the index of the run that each instant falls in, `OUTSIDE` for none.

        Of runs side by side it is the one that began last.
        """
        if not self.start_ns.size:
            return np.full(instants_ns.size, OUTSIDE, dtype=np.int64)
        found = np.searchsorted(self.start_ns, instants_ns, side="right") - 1
        # An earlier run may still be open where the last begun is over.
        reach = np.maximum.accumulate(self.end_ns)
        inside = (found >= 0) & (instants_ns <= reach[np.maximum(found, 0)])
        return np.where(inside, found, OUTSIDE).astype(np.int64)

    def counted(self, index: Integers) -> Mask:
        """Tell which events, given their run's index, belong to a measured run."""
        if not self.measured.size:
            return np.zeros(index.size, dtype=np.bool_)
        inside: Mask = index != OUTSIDE
        inside[inside] = self.measured[index[inside]]
        return inside

    @property
    def count(self) -> int:
        """Number of measured runs."""
        return int(self.measured.sum())

    @property
    def median_ns(self) -> float:
        """Median duration of a measured run."""
        return float(np.median((self.end_ns - self.start_ns)[self.measured]))

    @property
    def mean_ns(self) -> float:
        """Mean duration of the measured runs."""
        return float(np.mean((self.end_ns - self.start_ns)[self.measured]))

    @property
    def notes(self) -> list[str]:
        """What was left out, and what could not be told."""
        disturbed = self.measured.size - self.count - self.warmup
        notes = []
        if self.warmup:
            notes.append(f"{counted_text(self.warmup, 'warm-up run')} left out")
        elif 0 < self.measured.size < _FEWEST_TO_TELL:
            seen = counted_text(self.measured.size, "run")
            notes.append(
                f"{seen}: too few to tell warm-up from the rest; profile more, or warmup=1"
            )
        if disturbed:
            notes.append(f"{counted_text(disturbed, 'disturbed run')} left out (far slower)")
        return notes


def _calm(duration_ns: Integers, steady: Mask) -> Mask:
    """Return the steady runs without those beyond Tukey's far fence."""
    if steady.sum() < _FEWEST_TO_TELL:
        return steady
    low, median, high = np.quantile(duration_ns[steady], (0.25, 0.5, 0.75))
    fence = max(high + _FAR * (high - low), _FAR_FROM_MEDIAN * median)
    calm: Mask = duration_ns <= fence
    return calm & steady
