"""Attaching to a running process that has never heard of latprof: what it does for some seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from latprof.errors import LatprofError
from latprof.recording.stacks.pace import Pace, usable_cores
from latprof.recording.stacks.spy import Spy, find_spy
from latprof.recording.stacks.vitals import Vitals, vitals
from latprof.run.facts import text

if TYPE_CHECKING:
    from latprof.recording.stacks.snapshot import ThreadStack

__all__ = ["Attachment", "attach"]


class Attachment(NamedTuple):
    """What was seen of a process.

    Attributes:
        pid: Of it.
        command: How it was started.
        usable_cores: That its affinity and the quota leave it.
        began: Its vitals at the beginning.
        ended: The same at the end.
        snapshots: Its Python threads, again and again.
        ended_early: Why watching ended before its time; "" where it did not.
    """

    pid: int
    command: str
    usable_cores: float
    began: Vitals
    ended: Vitals
    snapshots: list[list[ThreadStack]]
    ended_early: str


def attach(pid: int, seconds: float, spy: Spy | None = None) -> Attachment:
    """Watch a running process, at random instants some ten times a second.

    Each time py-spy stops it for about a millisecond. Nothing is put into it.

    Args:
        pid: Of the process.
        seconds: For how long; Ctrl-C ends it sooner and keeps what was seen.
        spy: What reads stacks; py-spy by default.

    Raises:
        MissingDependencyError: py-spy is not installed.
        RecordingError: The process may not be read.
        UsageError: There is no such process, or it is no Python.
    """
    spy = spy or find_spy()
    cores = usable_cores(pid)
    pace = Pace(cores)
    end_s = time.monotonic() + seconds
    snapshots = [spy.snapshot(pid)]
    command = " ".join((text(Path(f"/proc/{pid}/cmdline")) or "").split("\0"))
    began, ended_early = vitals(pid), ""
    ended = began
    try:
        while time.monotonic() < end_s:
            time.sleep(pace.pause_s())
            snapshots.append(spy.snapshot(pid))
            ended = vitals(pid)
    except KeyboardInterrupt:
        ended_early = "Ctrl-C"
    except LatprofError as error:
        ended_early = str(error)
    return Attachment(pid, command, cores, began, ended, snapshots, ended_early)
