"""Slow requests that come by count: every so many, whatever their input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["RARE", "comes_by_count"]

RARE = 1 / 15
"""Of the requests, so that one in twenty is found: where more are slow, the service is so."""
_FEWEST = 3  # inputs: a single one that is sent again and again comes by count too
_EVEN = 0.2  # spread of the distances between quartiles; 1.6 where they are left to chance
_QUARTILES = (0.25, 0.5, 0.75)


def comes_by_count(slow: npt.NDArray[np.bool_], inputs: npt.NDArray[np.generic]) -> bool:
    """Return whether slow requests are rare and come at even distances, with several inputs.

    Inputs that are sent in turns may meet a counter again and again at the same place: then the
    same ones are slow each time, and still it is the counter. Inputs themselves may lie at even
    distances too, but seldom when they are rare.

    Args:
        slow: Which requests are, in order of arrival.
        inputs: The input of each, of the same shape.

    >>> turns = np.arange(200)
    >>> comes_by_count(turns % 20 == 7, turns % 100)
    True
    >>> comes_by_count(np.isin(turns % 100, [4, 31, 50, 92]), turns % 100)
    False
    """
    rows = np.flatnonzero(slow)
    if rows.size > RARE * slow.size or np.unique(inputs[rows]).size < _FEWEST:
        return False
    low, middle, high = np.quantile(np.diff(rows), _QUARTILES)
    return bool(high - low <= _EVEN * middle)
