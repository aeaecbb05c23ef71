"""The process and the machine, once a second: CPU, memory, threads, switches, pressure, clocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from latprof.signals import clocks, machine, pressure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProcessSignals"]

_ROOT = Path("/")


class ProcessSignals:
    """Reads signals of this process without privileges; what the system does not tell is left out.

    Totals since the start of the process or the machine, so that any two samples give a rate:
    `process_cpu_s`, `context_switches_voluntary`, `context_switches_involuntary`,
    `machine_cpu_busy_s`, `machine_cpu_steal_s`, `cgroup_periods`, `cgroup_throttled_periods` (of a
    CPU quota), `pressure_cpu_some_s`, `pressure_memory_some_s`, `pressure_io_some_s` (Linux
    pressure stall information: some task waited). Levels: `rss_bytes`, `threads`,
    `runnable_others` (tasks of other processes that run or wait for a core), `clock_offset_s` and
    `suspended_s` (see `latprof.signals.clocks`).

    Args:
        root: Of the file system: `/`, or a test's copy.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        self._process = psutil.Process()
        self._root = root

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        beside = machine.read(self._root), pressure.read(self._root), clocks.read()
        return self._of_process() | {name: value for each in beside for name, value in each.items()}

    def _of_process(self) -> dict[str, float]:
        with self._process.oneshot():
            cpu = self._process.cpu_times()
            switches = self._process.num_ctx_switches()
            return {
                "process_cpu_s": cpu.user + cpu.system,
                "rss_bytes": self._process.memory_info().rss,
                "threads": self._process.num_threads(),
                "context_switches_voluntary": switches.voluntary,
                "context_switches_involuntary": switches.involuntary,
            }
