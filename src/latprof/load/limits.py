"""Limits: what a number given by the user may be."""

from __future__ import annotations

import math
import operator

from latprof.errors import UsageError

__all__ = ["pause_s", "positive_s", "rate", "whole"]

_FASTEST = 1e9
"""The clock counts nanoseconds: arrivals cannot be closer."""
_SLOWEST = 1e-6
"""One arrival in eleven days."""
_LONGEST_S = 1e9
"""Thirty years, so that every instant fits in int64 nanoseconds."""


def whole(what: str, value: object, least: int = 1) -> int:
    """Return `value` as an int of `least` or more; a UsageError begins with `what`.

    >>> whole("requests=", 200)
    200
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise UsageError(f"{what} takes a whole number of {least} or more, not {value!r}")
    return number


def rate(what: str, value: object) -> float:
    """Return `value` as requests a second; a UsageError begins with `what`."""
    accepted = f"requests a second, from {_SLOWEST:g} to {_FASTEST:g}"
    return _number(what, value, _SLOWEST, _FASTEST, accepted)


def positive_s(what: str, value: object) -> float:
    """Return `value` as seconds above 0; a UsageError begins with `what`."""
    return _number(what, value, 1e-9, _LONGEST_S, "seconds, above 0 and at most 1e9")


def pause_s(what: str, value: object) -> float:
    """Return `value` as seconds from 0; a UsageError begins with `what`."""
    return _number(what, value, 0.0, _LONGEST_S, "seconds, from 0 to 1e9")


def _number(what: str, value: object, low: float, high: float, accepted: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool | str) or not low <= number <= high:
        raise UsageError(f"{what} takes {accepted}, not {value!r}")
    return number
