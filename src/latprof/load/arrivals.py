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

    from latprof.load.course import Course

__all__ = ["MOST_ARRIVALS", "Offsets", "burstiness", "constant", "gamma", "poisson", "varying"]

Offsets: TypeAlias = NDArray[np.int64]
_Floats: TypeAlias = NDArray[np.float64]

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
    return _plan(_regular(1e9 / rate), rate, count, duration_ns)


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

    def gaps(size: int) -> _Floats:
        return generator.standard_exponential(size) * (1e9 / rate)

    return _plan(_walk(gaps), rate, count, duration_ns)


def gamma(
    rate: float,
    cv: float,
    seed: int,
    *,
    count: int | None = None,
    duration_ns: int | None = None,
) -> Offsets:
    """Return arrivals with independent gamma distributed gaps: burstier or evener than Poisson.

    Args:
        rate: Arrivals a second, on average.
        cv: Standard deviation of the gaps over their mean, above 0; 1 is a Poisson process.
        seed: As that of `poisson`.
        count: The number of arrivals at most.
        duration_ns: The plan ends before this instant.

    Returns:
        Offsets in ns after the start, shape (arrivals,), the first one gap after the start.

    Raises:
        UsageError: Neither end is given, or the plan does not fit in memory.

    >>> gamma(100.0, 3.0, seed=0, count=3)
    array([ 1553325,  1553325, 15560689])
    """
    generator = np.random.default_rng(seed)
    shape = cv**-2

    def gaps(size: int) -> _Floats:
        return generator.standard_gamma(shape, size) * (1e9 / (shape * rate))

    return _plan(_walk(gaps), rate, count, duration_ns)


def varying(
    course: Course,
    seed: int | None,
    *,
    count: int | None = None,
    duration_ns: int | None = None,
) -> Offsets:
    """Return arrivals whose rate changes: those of rate 1 with their time bent.

    Args:
        course: The rate over time.
        seed: As that of `poisson`; None for arrivals without chance, each where the expected
            number of arrivals reaches the next whole one.
        count: The number of arrivals at most.
        duration_ns: The plan ends before this instant.

    Returns:
        Offsets in ns after the start, shape (arrivals,).

    Raises:
        UsageError: Neither end is given, or the plan does not fit in memory.

    >>> from latprof.load.course import Course
    >>> varying(Course([(2.0, 1.0, 3.0)]), None, count=4) // 10**6
    array([   0,  732, 1236, 1645])
    """
    units = _regular(1.0)
    if seed is not None:
        units = _walk(np.random.default_rng(seed).standard_exponential)

    def chunk(begin: int, size: int) -> _Floats:
        return course.instants(units(begin, size)) * 1e9

    seconds = 1.0 if duration_ns is None else duration_ns / 1e9
    return _plan(chunk, course.expected(seconds) / seconds, count, duration_ns)


def burstiness(offsets: Offsets) -> float | None:
    """Return the coefficient of variation of the gaps; None with fewer than two of them.

    At utilisation 0.7 the p99 of a queue is 11 service times for even arrivals, 17 for Poisson
    ones and 66 for a coefficient of 3: latencies under load mean nothing without it.

    >>> burstiness(constant(10.0, count=5))
    0.0
    """
    gaps = len(offsets) - 1
    mean_ns = float(offsets[-1] - offsets[0]) / gaps if gaps > 1 else 0.0
    if not mean_ns:
        return None
    # Part by part: a plan can be as large as memory allows.
    parts = (np.diff(offsets[at : at + _CHUNK + 1]) for at in range(0, gaps, _CHUNK))
    squares = sum(float(np.square(part - mean_ns).sum()) for part in parts)
    return float(np.sqrt(squares / gaps) / mean_ns)


def _regular(gap: float) -> Callable[[int, int], _Floats]:
    def chunk(begin: int, size: int) -> _Floats:
        return np.arange(begin, begin + size, dtype=np.float64) * gap

    return chunk


def _walk(draw: Callable[[int], _Floats]) -> Callable[[int, int], _Floats]:
    """Return chunks of the sums of the gaps that `draw` gives."""
    last = 0.0

    def chunk(_begin: int, size: int) -> _Floats:
        nonlocal last
        gaps = draw(size)
        gaps[0] += last
        sums = np.cumsum(gaps)
        last = float(sums[-1])
        return sums

    return chunk


def _plan(
    chunk: Callable[[int, int], _Floats],
    rate: float,
    count: int | None,
    duration_ns: int | None,
) -> Offsets:
    """Take chunk after chunk until `count` or `duration_ns` is reached."""
    most = _most(rate, count, duration_ns)
    end_ns = _HORIZON_NS if duration_ns is None else duration_ns
    chunks: list[Offsets] = []
    drawn, last_ns = 0, 0.0
    while drawn < most and last_ns < end_ns:
        instants = chunk(drawn, min(_CHUNK, most - drawn))
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
