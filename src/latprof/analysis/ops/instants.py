"""Microseconds of a trace as whole nanoseconds."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from latprof.errors import RunFormatError

__all__ = ["nanoseconds"]

_LARGEST_US = 4e15  # beyond it (year 2096) the sum of two no longer fits into int64 nanoseconds


def nanoseconds(path: Path, values_us: Sequence[float] | array[float]) -> npt.NDArray[np.int64]:
    """Return microseconds as int64 nanoseconds, shape `(n,)`.

    Raises:
        RunFormatError: An instant is no time: not finite, or out of range.
    """
    values = np.asarray(values_us, dtype=np.float64)
    if not np.all(np.abs(values) <= _LARGEST_US):
        raise RunFormatError(path, "holds instants that are no times: the file is damaged")
    return np.rint(values * 1000).astype(np.int64)
