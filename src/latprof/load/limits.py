"""Limits: what a number given by the user may be."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["choice", "number", "pause_s", "positive_s", "rate", "whole"]

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
        given = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        given = least - 1
    if isinstance(value, bool) or given < least:
        raise UsageError(f"{what} takes a whole number of {least} or more, not {value!r}")
    return given


def rate(what: str, value: object) -> float:
    """Return `value` as requests a second; a UsageError begins with `what`."""
    accepted = f"requests a second, from {_SLOWEST:g} to {_FASTEST:g}"
    return number(what, value, _SLOWEST, _FASTEST, accepted)


def positive_s(what: str, value: object) -> float:
    """Return `value` as seconds above 0; a UsageError begins with `what`."""
    return number(what, value, 1e-9, _LONGEST_S, "seconds, above 0 and at most 1e9")


def pause_s(what: str, value: object) -> float:
    """Return `value` as seconds from 0; a UsageError begins with `what`."""
    return number(what, value, 0.0, _LONGEST_S, "seconds, from 0 to 1e9")


def choice(*words: str) -> Callable[[str, object], str]:
    """Return a check that a value is one of `words`; its UsageError begins with what it is for.

    >>> choice("constant", "poisson")("arrivals=", "poisson")
    'poisson'
    """

    def check(what: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise UsageError(f"{what} takes {' or '.join(map(repr, words))}, not {value!r}")
        return value

    return check


def number(what: str, value: object, low: float, high: float, accepted: str) -> float:
    """Return `value` as a float between `low` and `high`.

    Args:
        what: Begins the UsageError.
        value: What the user gave.
        low: Least that is accepted.
        high: Most that is accepted.
        accepted: Says so in words.
    """
    try:
        given = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        given = math.nan
    if isinstance(value, bool | str) or not low <= given <= high:
        raise UsageError(f"{what} takes {accepted}, not {value!r}")
    return given
