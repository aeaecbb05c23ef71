"""Where a gain shows: in the typical request, or in the slow ones alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.suspicion import Level

__all__ = ["level_of"]

Floats = npt.NDArray[np.float64]

_TYPICAL = 0.1  # of the median; as much as a finding needs
_MOSTLY = 0.4  # of the share that the 99th percentile gains: with less, it shows in the tail


def level_of(before_ns: Floats, after_ns: Floats) -> Level:
    """Return "typical" where the median gains a tenth or more, and not far less than the tail.

    Args:
        before_ns: Latencies, shape `(n,)`.
        after_ns: The same without the fault.

    >>> level_of(np.array([10.0, 10.0, 90.0]), np.array([10.0, 10.0, 10.0]))
    'tail'
    """
    middle, slowest = (_share(before_ns, after_ns, q) for q in (0.5, 0.99))
    return "typical" if middle >= max(_TYPICAL, _MOSTLY * slowest) else "tail"


def _share(before_ns: Floats, after_ns: Floats, q: float) -> float:
    before, after = np.quantile(before_ns, q), np.quantile(after_ns, q)
    return float((before - after) / before) if before > 0 else 0.0
