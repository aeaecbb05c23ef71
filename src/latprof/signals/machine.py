"""The machine beside the process: who else wants its cores, and what the container may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from latprof.run.cgroup import throttling
from latprof.run.facts import number, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read"]


def read(root: Path) -> Mapping[str, float]:
    """Return what the machine tells: CPU time of all, tasks that want to run, stops by a quota.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """
    return {**_cpu_times(), **_runnable(root), **_throttling(root)}


def _cpu_times() -> dict[str, float]:
    times = psutil.cpu_times()
    values = {"machine_cpu_busy_s": times.user + getattr(times, "nice", 0.0) + times.system}
    if hasattr(times, "steal"):
        values["machine_cpu_steal_s"] = times.steal
    return values


def _runnable(root: Path) -> dict[str, float]:
    """Return how many tasks of other processes run or wait for a core at this instant."""
    words = (text(root / "proc/loadavg") or "").split()
    runnable = number(words[3].partition("/")[0]) if len(words) > 3 else None
    if runnable is None:
        return {}
    return {"runnable_others": max(0.0, runnable - _own_runnable(root))}


def _own_runnable(root: Path) -> int:
    stats = ((text(path) or "") for path in (root / "proc/self/task").glob("*/stat"))
    # The state follows the name, which stands in brackets and may hold anything.
    return sum(stat.rpartition(")")[2].split()[:1] == ["R"] for stat in stats)


def _throttling(root: Path) -> dict[str, float]:
    found = throttling(root)
    if found is None:
        return {}
    return {"cgroup_periods": found[0], "cgroup_throttled_periods": found[1]}
