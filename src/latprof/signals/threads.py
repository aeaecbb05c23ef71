"""Who wants a core: own threads, how long they had none, and tasks of other processes.

Sources: Linux, Documentation/scheduler/sched-stats.rst for schedstat; proc_pid_stat(5).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from latprof.run.facts import number, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["MOST", "OwnThreads"]

MOST = 200
"""With more threads nothing is read: each costs some 20 us, and a sample has 5 ms a second."""


class OwnThreads:
    """Reads the threads of this process.

    `runnable_own`: how many run or wait for a core at this instant;
    `runnable_others`: how many tasks of other processes do. `threads_runqueue_s`: how long
    threads were ready and had no core, added up since the first reading; what a thread waited in
    which it came and went between two readings is missed. With the process's CPU time it tells
    how many threads wanted a core on average. Latprof's own threads are left out of both.

    Args:
        root: Of the file system: `/`, or a test's copy.
        beside: Tells the system's numbers of threads that belong to the recording.
    """

    def __init__(self, root: Path, beside: Callable[[], Iterable[int]] = tuple) -> None:
        self._beside = beside
        self._folder = root / "proc/self/task"
        self._load = root / "proc/loadavg"
        self._waited_ns: dict[str, int] | None = None  # by thread, at the last reading
        self._total_ns = 0

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name; nothing where the system tells none."""
        names = self._names()
        if not names or len(names) > MOST:
            return {}
        own = {str(number) for number in (threading.get_native_id(), *self._beside())}
        values = self._runnable(names, own)
        waited_ns = dict(self._waits(names))
        if waited_ns.keys() - own:
            self._add(waited_ns, own)
            values["threads_runqueue_s"] = self._total_ns / 1e9
        return values

    def _runnable(self, names: list[str], own: set[str]) -> dict[str, float]:
        states = {name: _state(self._content(name, "stat")) for name in names}
        if not any(states.values()):
            return {}
        runnable = {name for name, state in states.items() if state == "R"}
        values: dict[str, float] = {"runnable_own": len(runnable - own)}
        words = (text(self._load) or "").split()
        everyone = number(words[3].partition("/")[0]) if len(words) > 3 else None
        if everyone is not None:
            values["runnable_others"] = max(0.0, everyone - len(runnable))
        return values

    def _add(self, waited_ns: dict[str, int], own: set[str]) -> None:
        """Add what threads waited since the last reading, but for latprof's own.

        Those are kept in mind too: the first reading is taken by the thread that starts the
        recording, which then serves requests and must not bring its past along.
        """
        if self._waited_ns is not None:
            before = self._waited_ns
            self._total_ns += sum(
                max(0, waited - before.get(name, 0))
                for name, waited in waited_ns.items()
                if name not in own
            )
        self._waited_ns = waited_ns

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._folder)  # noqa: PTH208 - names alone, once a second
        except OSError:
            return []

    def _waits(self, names: Iterable[str]) -> Iterator[tuple[str, int]]:
        for name in names:
            words = self._content(name, "schedstat").split()
            if len(words) == 3 and words[1].isdigit():
                yield name, int(words[1])

    def _content(self, name: str, file: str) -> str:
        """Return what a file holds; nothing for a thread that has ended meanwhile."""
        try:
            descriptor = os.open(f"{self._folder}/{name}/{file}", os.O_RDONLY)
        except OSError:
            return ""
        try:
            return os.read(descriptor, 1024).decode("utf-8", "replace")
        except OSError:
            return ""
        finally:
            os.close(descriptor)


def _state(stat: str) -> str:
    """Return the letter of a thread's state; it follows the name, which may hold anything."""
    return stat.rpartition(")")[2].strip()[:1]
