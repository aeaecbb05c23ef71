"""Why a signal is not there: which source the system does not have, or does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.signals.threads import MOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["reasons"]

_NO_QUOTA = "no control group of this process has a CPU quota, or it hides cpu.stat"
_NO_PRESSURE = "no /proc/pressure: the kernel was built without PSI, or keeps it off"
_NO_CLOCK = "no cpufreq below /sys/devices/system/cpu: most virtual machines hide it"
_NO_THREADS = f"no /proc/self/task with the threads' files, or more than {MOST} threads"
_NO_FAULTS = "the system has no getrusage"
_NO_FILES = "no /proc/self/io that this process may read"

_REASONS: Mapping[str, str] = {
    "minor_faults": _NO_FAULTS,
    "major_faults": _NO_FAULTS,
    "read_bytes": _NO_FILES,
    "written_bytes": _NO_FILES,
    "allocated_blocks": "this Python does not count its blocks",
    "runnable_own": _NO_THREADS,
    "threads_runqueue_s": _NO_THREADS,
    "runnable_others": "no /proc/loadavg, or " + _NO_THREADS,
    "machine_cpu_steal_s": "the system does not tell what a hypervisor takes",
    "machine_pages_swapped_in": "no /proc/vmstat",
    "memory_available_bytes": "no /proc/meminfo",
    "pressure_cpu_some_s": _NO_PRESSURE,
    "pressure_memory_some_s": _NO_PRESSURE,
    "pressure_io_some_s": _NO_PRESSURE,
    "cgroup_quota_cores": _NO_QUOTA,
    "cgroup_periods": _NO_QUOTA,
    "cgroup_throttled_periods": _NO_QUOTA,
    "cgroup_throttled_s": _NO_QUOTA,
    "cpu_clock_hz": _NO_CLOCK,
    "cpu_clock_highest_hz": _NO_CLOCK,
    "clock_throttles": "no thermal_throttle below /sys/devices/system/cpu",
    "suspended_s": "the system has no clock that goes on while it sleeps",
    "heartbeat_late_p50_s": "no beat has come between two samples",
    "heartbeat_late_max_s": "no beat has come between two samples",
}


def reasons(told: Iterable[str]) -> dict[str, str]:
    """Return by the name of each signal that is missing among `told` why it is.

    >>> reasons(["clock_throttles"])["read_bytes"]
    'no /proc/self/io that this process may read'
    """
    there = set(told)
    return {name: reason for name, reason in _REASONS.items() if name not in there}
