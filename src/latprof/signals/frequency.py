"""The clocks of the cores that the process may use.

Source: Linux, Documentation/admin-guide/pm/cpufreq.rst; the counts of thermal throttling are those
of arch/x86/kernel/cpu/mce/therm_throt.c.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latprof.run.facts import field, number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Frequency"]

_CPUS = "sys/devices/system/cpu"
_MOST = 16  # cores that are read: each costs some 15 us, on some machines an interrupt


class Frequency:
    """Reads how fast the usable cores run, and how fast they may.

    `cpu_clock_hz` and `cpu_clock_highest_hz` are means over them; `clock_throttles` counts how
    often heat has slowed them down since the machine started.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """

    def __init__(self, root: Path) -> None:
        cpus = _usable(root)
        step = max(1, math.ceil(len(cpus) / _MOST))
        self._cores = [root / _CPUS / f"cpu{cpu}" for cpu in cpus[::step]]

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name; nothing where the system tells none."""
        now_khz = _mean(core / "cpufreq/scaling_cur_freq" for core in self._cores)
        highest_khz = _mean(core / "cpufreq/cpuinfo_max_freq" for core in self._cores)
        slowed = _mean(core / "thermal_throttle/core_throttle_count" for core in self._cores)
        values: dict[str, float] = {}
        if now_khz is not None and highest_khz is not None:
            values["cpu_clock_hz"] = now_khz * 1e3
            values["cpu_clock_highest_hz"] = highest_khz * 1e3
        if slowed is not None:
            values["clock_throttles"] = slowed * len(self._cores)
        return values


def _mean(paths: Iterable[Path]) -> float | None:
    found = [value for path in paths if (value := number(text(path))) is not None]
    return sum(found) / len(found) if found else None


def _usable(root: Path) -> list[int]:
    """Return the numbers of the cores that the affinity leaves and that have a clock to be read."""
    allowed = _allowed(field(text(root / "proc/self/status"), "Cpus_allowed_list"))
    folders = (root / _CPUS).glob("cpu[0-9]*/cpufreq")
    present = sorted(int(folder.parent.name[3:]) for folder in folders)
    return [cpu for cpu in present if allowed is None or cpu in allowed]


def _allowed(ranges: str | None) -> set[int] | None:
    if ranges is None:
        return None
    allowed: set[int] = set()
    for part in ranges.split(","):
        first, last = (number(word) for word in (part.split("-") * 2)[:2])
        if first is not None and last is not None:
            allowed |= set(range(int(first), int(last) + 1))
    return allowed or None
