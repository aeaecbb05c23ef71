"""The process that samples stacks beside a recording: `python -m latprof.recording.stacks.sampler`.

In a process of its own, so that starting py-spy again and again costs the recorded process nothing
but the millisecond for which py-spy stops it, and a share of the cores that `pace` bounds. It ends
when its parent closes its input, or dies.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from latprof.errors import LatprofError
from latprof.recording.stacks.pace import Pace, usable_cores
from latprof.recording.stacks.snapshot import ThreadStack
from latprof.recording.stacks.spy import Spy
from latprof.run.stackspool import SEPARATOR, Sample, line_of

__all__ = ["main"]

OWN_THREADS = ("latprof", "latprof-heartbeat")
"""Those of the recording: what they do is no part of the service."""

_GIVES_UP_AFTER = 5


def main() -> None:
    """Sample until the parent has enough; each line on standard output says how it goes."""
    pid, spy = int(sys.argv[1]), Spy(Path(sys.argv[2]))
    sys.stdin.readline()  # from here on the parent allows it
    try:
        spy.snapshot(pid)
    except LatprofError as error:
        _tell(refused=str(error))
        return
    _tell(ready=True)
    if place := sys.stdin.readline():
        with Path(json.loads(place)).open("w", encoding="utf-8", buffering=1) as file:
            problem = _keep_sampling(lambda: _write(file, spy.snapshot(pid)), pid)
        _tell(problem=problem)


def _tell(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _write(file: TextIO, threads: list[ThreadStack]) -> None:
    rows = [
        Sample(*each[:-1], SEPARATOR.join(each.frames))
        for each in threads
        if each.thread not in OWN_THREADS
    ]
    file.write(line_of(rows))


def _keep_sampling(sample: Callable[[], None], parent: int) -> str | None:
    """Sample at random instants; return why that ended early, None where it did not."""
    failures = 0
    pace = Pace(usable_cores(parent))
    while not _ended(pace.pause_s(), parent):
        try:
            sample()
            failures = 0
        except LatprofError as error:
            failures += 1
            if failures == _GIVES_UP_AFTER:
                return str(error)
        except OSError as error:
            return f"cannot write stacks: {error.strerror or error}"
    return None


def _ended(seconds: float, parent: int) -> bool:
    """Wait; return whether the parent closed our input, or is gone (a fork may hold the pipe)."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) or os.getppid() != parent


if __name__ == "__main__":
    main()
