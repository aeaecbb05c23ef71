"""When requests come in a replay: as they were recorded, or drawn anew from the same process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Arrivals"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The arrivals of a load.

    Attributes:
        gaps: From one to the next as recorded, shape `(n,)`, in ns.
        mean_ns: The mean gap of the Poisson process that they were drawn from; None where they
            come from no such process.
    """

    gaps: Floats
    mean_ns: float | None

    def stretched(self, factor: float) -> Arrivals:
        """Return the same arrivals, so many times as far apart."""
        mean_ns = None if self.mean_ns is None else self.mean_ns * factor
        return Arrivals(self.gaps * factor, mean_ns)

    def of(self, picked: Indices) -> Floats:
        """Return instants with the recorded gaps of the picked requests."""
        return np.cumsum(self.gaps[picked])

    def anew(self, picked: Indices) -> Floats:
        """Return instants of another load like this one; of one seed for one choice of requests."""
        if self.mean_ns is None:
            return self.of(picked)
        generator = np.random.default_rng([picked.size, int(picked[0]), int(picked[-1])])
        return np.cumsum(generator.standard_exponential(picked.size) * self.mean_ns)
