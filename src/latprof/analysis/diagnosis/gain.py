"""What a fix would gain: latency as it was against latency as it would have been."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latprof.analysis.quantiles import nearest_rank, quantiles

__all__ = ["Gain", "gain_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gain:
    """A quantile before and after, in ns.

    Attributes:
        q: Which quantile.
        before_ns: As measured.
        after_ns: As predicted.
        low_ns: Lower end of the 95 % interval of `after_ns`: of the sampling alone, not of the
            assumption that the fix does what it says.
        high_ns: Upper end; either is NaN where the sample does not bound it.
    """

    q: float
    before_ns: float
    after_ns: float
    low_ns: float
    high_ns: float

    @property
    def ns(self) -> float:
        """What is gained."""
        return self.before_ns - self.after_ns

    @property
    def share(self) -> float:
        """The same, as a share of what there was."""
        return self.ns / self.before_ns if self.before_ns > 0 else 0.0


def gain_of(before_ns: Floats, after_ns: Floats, q: float) -> Gain:
    """Return a quantile before and after.

    Args:
        before_ns: Latencies in order of arrival, shape `(n,)`, at least one.
        after_ns: The same requests after the fix, shape `(n,)`.
        q: Which quantile.

    >>> gain = gain_of(np.array([3.0, 4.0, 5.0]), np.array([2.0, 2.0, 2.0]), 0.5)
    >>> gain.ns, gain.share
    (2.0, 0.5)
    """
    (interval,) = quantiles(after_ns.astype(np.int64), (q,))
    low, high = (
        math.nan if end is None else float(end) for end in (interval.low_ns, interval.high_ns)
    )
    return Gain(q, _quantile(before_ns, q), _quantile(after_ns, q), low, high)


def _quantile(values: Floats, q: float) -> float:
    rank = nearest_rank(values.size, q) - 1
    return float(np.partition(values, rank)[rank])
