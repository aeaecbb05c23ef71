"""What the process uses: CPU, memory, threads, faults, files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil

from latprof.run.facts import field, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Usage"]


class Usage:
    """Reads what this process has used since it started, and what it holds now.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """

    def __init__(self, root: Path) -> None:
        self._process = psutil.Process()
        self._root = root

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        return {**self._told(), **_faults(), **_files(self._root), **_blocks()}

    def _told(self) -> dict[str, float]:
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


def _faults() -> dict[str, float]:
    """Return page faults: minor ones find the page in memory, major ones wait for a disk."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"minor_faults": used.ru_minflt, "major_faults": used.ru_majflt}


def _files(root: Path) -> dict[str, float]:
    """Return what went through read and write calls: files, pipes and sockets, cached or not."""
    told = text(root / "proc/self/io")
    amounts = {
        "read_bytes": number(field(told, "rchar")),
        "written_bytes": number(field(told, "wchar")),
    }
    return {name: value for name, value in amounts.items() if value is not None}


def _blocks() -> dict[str, float]:
    """Return how many blocks Python's allocator has given out: the trend of its live objects."""
    count = getattr(sys, "getallocatedblocks", lambda: 0)()
    return {"allocated_blocks": count} if count else {}  # another interpreter, or another malloc
