"""Whether the clocks of the machine went on evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.validity.facts import NOTE, WARN
from latprof.run.model import Reason
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["stepped", "suspended"]

# What keeps time steps the clock only where it is off by more than this (ntpd: 128 ms); it slews
# less, at 0.5 ms a second, which the monotonic clock shares. Reading two clocks one after the
# other is off by as much as the reader was kept waiting between them.
_STEP_S = 0.1


def stepped(facts: Facts) -> Iterator[Reason]:
    """Note where somebody set the wall clock: no latency here, but every log beside."""
    step_s = facts.signals.largest_step("clock_offset_s") - _sleep_s(facts)
    if abs(step_s) > _STEP_S:
        direction = "forward" if step_s > 0 else "back"
        yield Reason(
            "clock_stepped",
            NOTE,
            f"the wall clock was set {direction} by {_text(step_s)} during the run; latencies come "
            "from the monotonic clock, which goes on",
            "mind it where you compare instants with logs of other machines",
        )


def suspended(facts: Facts) -> Iterator[Reason]:
    """Warn where the machine slept: caches went cold, and the monotonic clock stood still."""
    slept_s = _sleep_s(facts)
    if slept_s > _STEP_S:
        yield Reason(
            "machine_suspended",
            WARN,
            f"the machine slept for {_text(slept_s)} during the run",
            "keep it awake, and run again",
        )


def _sleep_s(facts: Facts) -> float:
    return max(0.0, facts.signals.largest_step("suspended_s"))


def _text(seconds: float) -> str:
    return duration_text(round(abs(seconds) * 1e9))
