"""The processor: how much of it is ours, how steady it is, and who else wants it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from latprof.cli.checks.check import Check, State
from latprof.run import machine
from latprof.run.facts import text
from latprof.units import share_text

__all__ = ["frequency", "neighbours", "usable"]

ROOT = Path("/")
# Share of time in which some thread waits for a core: an idle machine shows well below one percent.
BUSY = 0.05


def usable(root: Path = ROOT) -> Check:
    """Return how many cores this process may use, and what keeps it from the others."""
    found = machine.cpu(root)
    usable_cpus, quota = found["usable_cpus"], found["quota_cpus"]
    if usable_cpus is None:
        return Check("cores", State.NOTE, "the system does not tell how many are usable")
    finding = f"{usable_cpus:g} usable of {found['logical_cores']}, {_limits(found)}"
    if quota is not None and quota < (found["affinity_cpus"] or quota):
        step = f"give thread pools {max(1, int(quota))} threads: a quota stops all beyond it"
        return Check("cores", State.NOTE, finding, step)
    if usable_cpus < 2:
        step = "load and service share this core: give the process two, or read waits with care"
        return Check("cores", State.NOTE, finding, step)
    return Check("cores", State.OK, finding)


def _limits(found: dict[str, Any]) -> str:
    limits = []
    if found["affinity_cpus"] is not None and found["affinity_cpus"] < found["logical_cores"]:
        limits.append(f"affinity {found['affinity_cpus']}")
    if found["quota_cpus"] is not None:
        limits.append(f"quota {found['quota_cpus']:g}")
    return " and ".join(limits) or "no affinity, no quota"


def frequency(root: Path = ROOT) -> Check:
    """Return whether the clock rate of the processor is left alone."""
    found = machine.cpu(root)
    governor = found["governor"]
    if governor is None:
        why = "a virtual machine" if found["virtual"] else "the system keeps it to itself"
        return Check("frequency", State.OK, f"no governor to be seen: {why}")
    if governor == "performance":
        return Check("frequency", State.OK, "governor performance")
    step = "for steady numbers: sudo cpupower frequency-set -g performance"
    return Check("frequency", State.NOTE, f"governor {governor}: idle cores wake up slow", step)


def neighbours(root: Path = ROOT) -> Check:
    """Return whether other work wants the cores now (Linux pressure stall information)."""
    pressure = text(root / "proc/pressure/cpu")
    found = re.search(r"^some avg10=([\d.]+)", pressure or "", re.MULTILINE)
    if found is None:
        finding = "no /proc/pressure/cpu: what others do to a run will not be recorded"
        return Check("neighbours", State.NOTE, finding, "on Linux, boot with psi=1")
    waiting = float(found[1]) / 100
    finding = f"some thread waited for a core {share_text(waiting)} of the last 10 s"
    if waiting > BUSY:
        return Check("neighbours", State.NOTE, finding, "let other work end before you measure")
    return Check("neighbours", State.OK, finding)
