"""A comparison in words: what a reader may say to a colleague, and not more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from latprof.analysis.comparison import HOPELESS, Decision, SpeedUp
from latprof.analysis.parity import Agreement, Parity
from latprof.units import count_text

__all__ = ["agreement", "needed_text", "rounded", "sentence", "speed_text", "unfought"]


def sentence(arm: str, found: Sequence[SpeedUp], parity: Parity, calls: int) -> str:
    """Return what is to be said of an arm against the base.

    Args:
        arm: Its name.
        found: Its speed-ups at p50, p95 and p99.
        parity: Whether it answers as the base does.
        calls: How many calls each arm made.
    """
    middle, *tails = found
    parts = [
        f"{arm} {speed_text(middle, calls)}",
        agreement(parity),
        *(text for tail in tails if (text := _tail(middle, tail, calls))),
    ]
    return "; ".join(parts)


def speed_text(found: SpeedUp, calls: int) -> str:
    """Return a speed-up in words, as `1.21x [1.18, 1.24] faster at p50`.

    >>> from latprof.analysis.comparison import SpeedUp
    >>> speed_text(SpeedUp(0.5, 0.8, 0.78, 0.82, 0.001, 0.03, Decision.SLOWER, 0.02, None), 900)
    '1.25x [1.22, 1.28] slower at p50'
    """
    at = f"at {_name(found)}"
    if found.decision is Decision.SLOWER:
        return f"{_times(1 / found.ratio, 1 / found.high, 1 / found.low)} slower {at}"
    times = _times(found.ratio, found.low, found.high)
    if found.decision is Decision.FASTER:
        return f"{times} faster {at}"
    if found.decision is Decision.SAME:
        return f"{times} {at}: no difference of {100 * found.effect:g} %"
    return f"{times} {at}, undecided: {needed_text(found.more, calls)}"


def _tail(middle: SpeedUp, tail: SpeedUp, calls: int) -> str:
    """Return what a tail adds; nothing where it says what the median says."""
    name = _name(tail)
    if tail.q >= 0.99 and tail.detectable > tail.effect:
        factor = (math.log1p(tail.detectable) / math.log1p(tail.effect)) ** 2
        if factor > HOPELESS:
            return f"{name} cannot be separated: this machine is too unsteady for it"
        return f"{name} cannot be separated: needs about {rounded((factor - 1) * calls)} more calls"
    if tail.decision is Decision.OPEN:
        return f"{name} undecided: {needed_text(tail.more, calls)}"
    return "" if tail.decision is middle.decision else speed_text(tail, calls)


def needed_text(more: float | None, calls: int) -> str:
    """Return what would settle an open question.

    >>> needed_text(3.0, 2_000), needed_text(None, 2_000)
    ('needs about 4,000 more calls', 'this machine is too unsteady to settle it')
    """
    if more is None:
        return "this machine is too unsteady to settle it"
    return f"needs about {rounded((more - 1) * calls)} more calls"


def agreement(parity: Parity) -> str:
    """Return whether an arm answers as the base does, in words."""
    if parity.agreement is Agreement.AGREE:
        return "outputs agree"
    if parity.agreement is Agreement.DISAGREE:
        return f"OUTPUTS DISAGREE ({parity.worst or parity.reason})"
    return f"outputs cannot be compared ({parity.reason})"


def unfought(base: str | None, failed: Mapping[str, str]) -> str:
    """Return what is to be said where fewer than two arms came through.

    >>> unfought("torch", {"tensorrt": "not installed"})
    'no comparison: only torch came through; tensorrt failed: not installed'
    """
    left = f"only {base} came through" if base else "no arm came through"
    reasons = "; ".join(f"{name} failed: {reason}" for name, reason in failed.items())
    return f"no comparison: {left}; {reasons}"


def rounded(count: float) -> str:
    """Return a count to one digit: more would pretend to know.

    >>> rounded(3_720)
    '4,000'
    """
    if count < 1:
        return "1"
    unit = 10 ** math.floor(math.log10(count))
    return count_text(round(count / unit) * unit)


def _name(found: SpeedUp) -> str:
    return f"p{100 * found.q:g}"


def _times(ratio: float, low: float, high: float) -> str:
    return f"{ratio:.2f}x [{low:.2f}, {high:.2f}]"
