"""The process and the machine, once a second: what both tell without privileges."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.signals import clocks, pressure
from latprof.signals.absence import reasons
from latprof.signals.frequency import Frequency
from latprof.signals.garbage import Garbage
from latprof.signals.gpu import Gpus
from latprof.signals.heartbeat import Heartbeat
from latprof.signals.machine import Machine
from latprof.signals.threads import OwnThreads
from latprof.signals.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ProcessSignals"]

_ROOT = Path("/")
Event = tuple[int, str, float]


class ProcessSignals:
    """Reads signals of this process without privileges; what the system does not tell is left out.

    Totals since the start of the process, of the machine or of listening, so that any two samples
    give a rate: `process_cpu_s`, `context_switches_voluntary`, `context_switches_involuntary`,
    `minor_faults`, `major_faults`, `read_bytes`, `written_bytes`, `threads_runqueue_s`,
    `gc_pause_s`, `gc_collections`, `gc_full_collections`, `gc_collected`, `machine_cpu_busy_s`,
    `machine_cpu_steal_s`, `machine_pages_swapped_in`, `cgroup_periods`,
    `cgroup_throttled_periods`, `cgroup_throttled_s` (of a CPU quota), `pressure_cpu_some_s`,
    `pressure_memory_some_s`, `pressure_io_some_s` (Linux pressure stall information: some task
    waited), `clock_throttles`.

    Levels: `rss_bytes`, `threads`, `allocated_blocks`, `runnable_own` and `runnable_others` (own
    threads, and tasks of other processes, that run or wait for a core), `heartbeat_late_p50_s`,
    `heartbeat_late_max_s`, `memory_available_bytes`, `cgroup_quota_cores`, `cpu_clock_hz`,
    `cpu_clock_highest_hz`, `clock_offset_s` and `suspended_s` (see `latprof.signals.clocks`), and
    of each GPU `gpu0_busy_share` and so on (see `latprof.signals.gpu`).

    Events: `gc_pause_ns`, at the end of each collection of 0.1 ms or more.

    Args:
        root: Of the file system: `/`, or a test's copy.
        now_ns: The clock of the recording.
    """

    def __init__(
        self, root: Path = _ROOT, now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._root = root
        self._garbage = Garbage(now_ns)
        self._heartbeat = Heartbeat()
        self._gpus = Gpus(root)
        self._parts = (
            Usage(root),
            OwnThreads(root, lambda: self._heartbeat.threads),
            Frequency(root),
            Machine(root),
            self._garbage,
            self._heartbeat,
            self._gpus,
        )
        self._told: set[str] = set()

    def start(self) -> None:
        """Listen to the garbage collector, and let the heart beat."""
        self._garbage.start()
        self._heartbeat.start()

    def stop(self) -> None:
        """Take both off. Again does nothing."""
        self._garbage.stop()
        self._heartbeat.stop()

    def after_fork(self) -> None:
        """In a forked child, where the heart's thread does not live: take off the listener."""
        self._garbage.stop()

    def read(self) -> Mapping[str, float]:
        """Return the present value of each signal by name."""
        beside = pressure.read(self._root), clocks.read()
        told = (*(part.read() for part in self._parts), *beside)
        values = {name: value for each in told for name, value in each.items()}
        self._told |= set(values)
        return values

    def events(self) -> Sequence[Event]:
        """Take the events since the last call: instant in ns, name, value."""
        return [
            (ended_ns, "gc_pause_ns", float(pause_ns))
            for ended_ns, pause_ns in self._garbage.pauses()
        ]

    def absent(self) -> Mapping[str, str]:
        """Return why signals are missing in what was read so far, by their names."""
        return {**reasons(self._told), **self._gpus.absent}
