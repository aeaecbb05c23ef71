"""The process and the machine, once a second: CPU, memory, threads, switches, pressure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProcessSignals"]

_PRESSURE = Path("/proc/pressure/cpu")


class ProcessSignals:
    """Reads signals of this process without privileges; what the system does not tell is left out.

    Totals since the start of the process or the machine, so that any two samples give a rate:
    `process_cpu_s`, `context_switches_voluntary`, `context_switches_involuntary`,
    `machine_cpu_busy_s`, `machine_cpu_steal_s`, `pressure_cpu_some_s` (Linux pressure stall
    information: some task waited for a core). Levels: `rss_bytes`, `threads`.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        values = {**self._of_process(), **_of_machine()}
        if (pressure_s := _pressure_s()) is not None:
            values["pressure_cpu_some_s"] = pressure_s
        return values

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


def _of_machine() -> dict[str, float]:
    times = psutil.cpu_times()
    values = {"machine_cpu_busy_s": times.user + times.system}
    if hasattr(times, "steal"):
        values["machine_cpu_steal_s"] = times.steal
    return values


def _pressure_s() -> float | None:
    """Return the seconds during which some task of the machine waited for a core."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
    except (OSError, IndexError):
        return None
    return int(some.rpartition("=")[2]) / 1e6
