"""The machine beside the process: what all use of it, and what the container may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from latprof.run.cgroup import quota_cpus, throttling
from latprof.run.facts import field, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Machine"]


class Machine:
    """Reads what the machine tells: CPU time of all, memory, stops by a quota.

    Where there is no quota at first, none is looked for later: it takes longer than all the rest.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._has_quota = bool(_quota(root))

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        quota = _quota(self._root) if self._has_quota else {}
        return {**_cpu_times(), **_memory(self._root), **quota}


def _cpu_times() -> dict[str, float]:
    times = psutil.cpu_times()
    values = {"machine_cpu_busy_s": times.user + getattr(times, "nice", 0.0) + times.system}
    if hasattr(times, "steal"):
        values["machine_cpu_steal_s"] = times.steal
    return values


def _memory(root: Path) -> dict[str, float]:
    available_kib = number(field(text(root / "proc/meminfo"), "MemAvailable"))
    values = {} if available_kib is None else {"memory_available_bytes": available_kib * 1024}
    for line in (text(root / "proc/vmstat") or "").splitlines():
        if line.startswith("pswpin "):
            values["machine_pages_swapped_in"] = float(line.split()[1])
    return values


def _quota(root: Path) -> dict[str, float]:
    values = {}
    cores, found = quota_cpus(root), throttling(root)
    if cores is not None:
        values["cgroup_quota_cores"] = cores
    if found is not None:
        values["cgroup_periods"] = found.periods
        values["cgroup_throttled_periods"] = found.stopped
        if found.stopped_s is not None:
            values["cgroup_throttled_s"] = found.stopped_s
    return values
