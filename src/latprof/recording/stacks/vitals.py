"""What the system tells of a process that somebody else has started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from latprof.run.facts import field, number, text

__all__ = ["Vitals", "vitals"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Vitals(NamedTuple):
    """A process at one instant; totals are since its start, None where the system hides them.

    Attributes:
        time_ns: The instant.
        thread_cpu_s: CPU time of each thread, by the system's number.
        runqueue_s: How long its present threads were ready without a core.
        rss_bytes: Memory that it holds.
        switches_voluntary: How often its present threads gave up their core.
        switches_involuntary: How often it was taken from them.
        read_bytes: Through read calls.
        written_bytes: Through write calls.
    """

    time_ns: int
    thread_cpu_s: dict[int, float]
    runqueue_s: float | None
    rss_bytes: float | None
    switches_voluntary: float | None
    switches_involuntary: float | None
    read_bytes: float | None
    written_bytes: float | None


def vitals(pid: int, root: Path = Path("/")) -> Vitals:
    """Return what is known of a process now.

    Args:
        pid: Of the process.
        root: Of the file system: `/`, or a test's copy.

    Source: Linux, proc_pid_stat(5), proc_pid_io(5), Documentation/scheduler/sched-stats.rst.
    """
    folder = root / "proc" / str(pid)
    tasks = sorted((folder / "task").glob("[0-9]*"))
    cpu = {int(task.name): seconds for task in tasks if (seconds := _cpu_s(task)) is not None}
    io = text(folder / "io")
    rss_kib = number(field(text(folder / "status"), "VmRSS"))
    return Vitals(
        time.perf_counter_ns(),
        cpu,
        _sum(_runqueue_s(task) for task in tasks),
        None if rss_kib is None else rss_kib * 1024,
        _sum(_switches(task, "voluntary_ctxt_switches") for task in tasks),
        _sum(_switches(task, "nonvoluntary_ctxt_switches") for task in tasks),
        number(field(io, "rchar")),
        number(field(io, "wchar")),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(sum(known)) if known else None


def _cpu_s(task: Path) -> float | None:
    # The name stands in brackets and may hold anything; 12 and 13 after it are utime and stime.
    words = (text(task / "stat") or "").rpartition(")")[2].split()
    if len(words) < 13:
        return None
    return (int(words[11]) + int(words[12])) / _TICKS_PER_S


def _runqueue_s(task: Path) -> float | None:
    words = (text(task / "schedstat") or "").split()
    return int(words[1]) / 1e9 if len(words) == 3 else None


def _switches(task: Path, name: str) -> float | None:
    return number(field(text(task / "status"), name))
