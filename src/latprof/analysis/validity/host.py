"""Whether the machine left the target alone: its neighbours, its quota, its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.validity.facts import WARN
from latprof.run.model import Reason
from latprof.units import share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["contended", "short_of_memory", "stolen", "throttled"]

# Beside 2 busy processes on 2 cores some task waits for a core nearly all the time, and half of a
# stage's time goes by in the run queue; a quiet machine stays below a tenth.
_WAITED_SHARE = 0.3
# Whoever waits may also wait for threads of the target itself: that is no interference. Half a
# core of strangers is a neighbour, less is what any machine does in the background.
_OTHERS_CORES = 0.5
# A hypervisor takes 5 % at times when it moves things about; more is a neighbour on the host.
_STOLEN_SHARE = 0.05
# One period of 100 ms in twenty cut short is in the p95 of requests as long as a period.
_THROTTLED_SHARE = 0.05
_MEMORY_SHARE = 0.05  # of the time some task waited for memory that was being reclaimed


def contended(facts: Facts) -> Iterator[Reason]:
    """Warn where other processes kept the cores busy that requests waited for."""
    waited = facts.signals.rate("pressure_cpu_some_s")
    others = _others_cores(facts)
    if waited is None or others is None or waited < _WAITED_SHARE or others < _OTHERS_CORES:
        return
    runnable = facts.signals.median("runnable_others")
    beside = "" if runnable is None else f"; {runnable:.0f} of their tasks wanted to run at a time"
    yield Reason(
        "host_contended",
        WARN,
        f"other processes kept {others:.1f} cores busy, and {share_text(waited)} of the time "
        f"some task waited for a core{beside}",
        "stop the neighbours or take a machine of its own, and run again",
    )


def _others_cores(facts: Facts) -> float | None:
    """Return how many cores other processes kept busy on average; None where that is unknown."""
    busy = facts.signals.rate("machine_cpu_busy_s")
    own = facts.signals.rate("process_cpu_s")
    return None if busy is None or own is None else busy - own


def stolen(facts: Facts) -> Iterator[Reason]:
    """Warn where the hypervisor gave the cores of this machine to another one."""
    taken = facts.signals.rate("machine_cpu_steal_s")
    busy = facts.signals.rate("machine_cpu_busy_s")
    if not taken or busy is None or taken <= _STOLEN_SHARE * (busy + taken):
        return
    share = taken / (busy + taken)
    yield Reason(
        "host_stole",
        WARN,
        f"of the time that cores had work, the hypervisor took {share_text(share)}",
        "take a machine with cores of its own, and run again",
    )


def throttled(facts: Facts) -> Iterator[Reason]:
    """Warn where the quota of a control group stopped the process."""
    stopped = facts.signals.rate("cgroup_throttled_periods")
    periods = facts.signals.rate("cgroup_periods")
    if not stopped or not periods or stopped <= _THROTTLED_SHARE * periods:
        return
    yield Reason(
        "cpu_throttled",
        WARN,
        f"the CPU quota stopped the process in {share_text(stopped / periods)} of its periods",
        "raise the limit of the container, or give the target fewer threads",
    )


def short_of_memory(facts: Facts) -> Iterator[Reason]:
    """Warn where tasks waited for memory."""
    waited = facts.signals.rate("pressure_memory_some_s")
    if waited is None or waited <= _MEMORY_SHARE:
        return
    yield Reason(
        "memory_pressure",
        WARN,
        f"{share_text(waited)} of the time some task waited for memory to be freed",
        "give the machine more memory, or the run less company, and run again",
    )
