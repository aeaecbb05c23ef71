"""The process that samples stacks beside a recording: `python -m latprof.recording.stacks.sampler`.

In a process of its own, so that starting py-spy some ten times a second costs the recorded process
nothing but the millisecond for which py-spy stops it. It spends a tenth of a core at most, at
instants that follow no rhythm of the service. It ends when its parent closes its input, or dies.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from latprof.errors import LatprofError
from latprof.recording.stacks.snapshot import ThreadStack
from latprof.recording.stacks.spy import Spy
from latprof.run.stackspool import SEPARATOR, Sample, line_of

__all__ = ["main", "pause_s"]

MOST_PER_S = 20.0
CORE_SHARE = 0.1
OWN_THREADS = ("latprof", "latprof-heartbeat")
"""Those of the recording: what they do is no part of the service."""

_GIVES_UP_AFTER = 5
_LONGEST_PAUSES = 4.0


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
    chance = random.Random()  # noqa: S311 - instants, no secrets
    cost_s = _cpu_s()
    while not _ended(pause_s(cost_s, chance.expovariate(1.0)), parent):
        before_s = _cpu_s()
        try:
            sample()
            failures = 0
        except LatprofError as error:
            failures += 1
            if failures == _GIVES_UP_AFTER:
                return str(error)
        except OSError as error:
            return f"cannot write stacks: {error.strerror or error}"
        cost_s = _cpu_s() - before_s
    return None


def pause_s(cost_s: float, chance: float) -> float:
    """Return how long to wait for the next sample.

    Args:
        cost_s: CPU time that the last one took.
        chance: Of an exponential distribution of mean 1, so that samples are independent.

    >>> pause_s(0.01, 1.0)
    0.1
    >>> pause_s(0.0001, 1.0)
    0.05
    """
    return max(1 / MOST_PER_S, cost_s / CORE_SHARE) * min(chance, _LONGEST_PAUSES)


def _ended(seconds: float, parent: int) -> bool:
    """Wait; return whether the parent closed our input, or is gone (a fork may hold the pipe)."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) or os.getppid() != parent


def _cpu_s() -> float:
    """Return the CPU time of this process and of the py-spys that it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime + time.process_time()


if __name__ == "__main__":
    main()
