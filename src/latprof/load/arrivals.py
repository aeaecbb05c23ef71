"""Arrivals: when each request should begin, as pure functions of a rate and a seed.

Every function returns int64 nanoseconds after the start of the load, in order, from the first
arrival to the last: `count` of them, or all before `duration_ns`, or whichever ends first. A
longer plan begins with the shorter one, and two rates drawn with one seed are the same plan
stretched, so that rates can be compared on common random numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_ARRIVALS", "Offsets", "constant", "poisson"]

Offsets: TypeAlias = NDArray[np.int64]

MOST_ARRIVALS = 2**28
"""A plan is held in memory: at 8 bytes an arrival this is 2 GiB."""

_CHUNK = 65_536
_HORIZON_NS = 2**62
"""Half of int64: no sum of an origin and an offset can overflow. It is 146 years."""


def constant(rate: float, *, count: int | None = None, duration_ns: int | None = None) -> Offsets:
    """Return equally spaced arrivals, the first at once.

    Args:
        rate: Arrivals a second.
        count: The number of arrivals at most.
        duration_ns: The plan ends before this instant.

    Returns:
        Offsets in ns after the start, shape (arrivals,). Each is rounded by itself: the
        rounding does not add up.

    Raises:
        UsageError: Neither end is given, or the plan does not fit in memory.

    >>> constant(4.0, count=3)
    array([        0, 250000000, 500000000])
    """

    def chunk(begin: int, size: int, _last_ns: float) -> NDArray[np.float64]:
        return np.arange(begin, begin + size, dtype=np.float64) * (1e9 / rate)

    return _plan(chunk, rate, count, duration_ns)


def poisson(
    rate: float, seed: int, *, count: int | None = None, duration_ns: int | None = None
) -> Offsets:
    """Return the arrivals of a Poisson process: independent exponential gaps of mean 1/rate.

    Args:
        rate: Arrivals a second, on average.
        seed: The same seed gives the same plan, on every machine with the same numpy.
        count: The number of arrivals at most.
        duration_ns: The plan ends before this instant.

    Returns:
        Offsets in ns after the start, shape (arrivals,). The first arrival is one gap after the
        start, so that the counts of a fixed duration are Poisson distributed.

    Raises:
        UsageError: Neither end is given, or the plan does not fit in memory.

    >>> poisson(100.0, seed=0, count=3)
    array([ 6799319, 16995290, 17193357])
    """
    generator = np.random.default_rng(seed)

    def chunk(_begin: int, size: int, last_ns: float) -> NDArray[np.float64]:
        gaps = generator.standard_exponential(size) * (1e9 / rate)
        gaps[0] += last_ns
        return np.cumsum(gaps)

    return _plan(chunk, rate, count, duration_ns)


def _plan(
    chunk: Callable[[int, int, float], NDArray[np.float64]],
    rate: float,
    count: int | None,
    duration_ns: int | None,
) -> Offsets:
    """Draw chunk after chunk until `count` or `duration_ns` is reached."""
    most = _most(rate, count, duration_ns)
    end_ns = _HORIZON_NS if duration_ns is None else duration_ns
    chunks: list[Offsets] = []
    drawn, last_ns = 0, 0.0
    while drawn < most and last_ns < end_ns:
        instants = chunk(drawn, min(_CHUNK, most - drawn), last_ns)
        drawn, last_ns = drawn + len(instants), float(instants[-1])
        chunks.append(np.rint(np.minimum(instants, _HORIZON_NS)).astype(np.int64))
    offsets = np.concatenate(chunks) if chunks else np.empty(0, np.int64)
    return offsets if duration_ns is None else offsets[: np.searchsorted(offsets, duration_ns)]


def _most(rate: float, count: int | None, duration_ns: int | None) -> int:
    """Return how many arrivals to draw at most, once it is known that they fit."""
    if count is None and duration_ns is None:
        raise UsageError("arrivals without an end: give requests= or duration=")
    expected = float("inf") if duration_ns is None else rate * duration_ns / 1e9
    if min(expected, float("inf") if count is None else count) > MOST_ARRIVALS:
        raise UsageError(
            f"a plan of more than {MOST_ARRIVALS:,} arrivals does not fit in memory: "
            "lower requests=, duration= or the rate"
        )
    return 2 * MOST_ARRIVALS if count is None else count
