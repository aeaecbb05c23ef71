"""Pressure: how long some task of the machine waited for a core, for memory, for a disk.

Source: Linux, Documentation/accounting/psi.rst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.run.facts import number, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read"]

_RESOURCES = ("cpu", "memory", "io")


def read(root: Path) -> Mapping[str, float]:
    """Return the seconds since boot, as `pressure_cpu_some_s` and so on; nothing without PSI.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """
    waited = ((name, _waited_s(text(root / "proc/pressure" / name))) for name in _RESOURCES)
    return {f"pressure_{name}_some_s": value for name, value in waited if value is not None}


def _waited_s(content: str | None) -> float | None:
    """Return what follows `total=` in the line `some`, which is in microseconds."""
    for line in (content or "").splitlines():
        if line.startswith("some"):
            total_us = number(line.rpartition("total=")[2])
            return None if total_us is None else total_us / 1e6
    return None
