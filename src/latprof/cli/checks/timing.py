"""Clock and sleep: how finely time is read here, and how late a sleeper wakes."""

from __future__ import annotations

import itertools
import statistics
import time
from pathlib import Path

from latprof.cli.checks.check import Check, State
from latprof.load.slack import no_slack
from latprof.run.facts import text
from latprof.units import duration_text

__all__ = ["clock", "sleep", "tick_ns", "wake_up_ns"]

_SOURCE = "sys/devices/system/clocksource/clocksource0/current_clocksource"
COARSE_NS = 1_000  # a tokenizer on one sentence takes a hundred of these
LATE_NS = 1_000_000
READS = 2_000
SLEEPS = 60
SLEEP_S = 0.0005


def clock(root: Path = Path("/")) -> Check:
    """Return how fine the clock is."""
    found_ns = tick_ns()
    source = text(root / _SOURCE)
    finding = f"ticks every {duration_text(found_ns, 2)}" + (f", source {source}" if source else "")
    if found_ns <= COARSE_NS:
        return Check("clock", State.OK, finding)
    step = "short stages come out as zero; on Linux, boot with clocksource=tsc"
    return Check("clock", State.NOTE, finding, step)


def tick_ns() -> float:
    """Return by how much the clock moves between two readings that differ, the median of many."""
    reads = [time.perf_counter_ns() for _ in range(READS)]
    steps = [after - before for before, after in itertools.pairwise(reads)]
    return statistics.median([step for step in steps if step > 0] or [0])


def sleep(root: Path = Path("/")) -> Check:
    """Return how late a sleeper wakes, and whether the kernel lets latprof ask for better."""
    with no_slack():
        slack_ns = text(root / "proc/self/timerslack_ns")
        late_ns = wake_up_ns()
    settable = "timer slack off" if slack_ns == "1" else "timer slack cannot be set here"
    finding = f"a sleeper wakes {duration_text(late_ns, 2)} late ({settable})"
    if late_ns <= LATE_NS:
        return Check("sleep", State.OK, finding)
    step = "at high rates requests will be sent late: let other work end before you measure"
    return Check("sleep", State.NOTE, finding, step)


def wake_up_ns() -> float:
    """Return how much later than asked a sleep of half a millisecond ends, the median of some."""
    late = []
    for _ in range(SLEEPS):
        due_ns = time.perf_counter_ns() + round(SLEEP_S * 1e9)
        time.sleep(SLEEP_S)
        late.append(time.perf_counter_ns() - due_ns)
    return statistics.median(late)
