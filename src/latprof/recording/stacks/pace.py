"""When stacks are sampled: at random instants, and no oftener than the service can afford."""

from __future__ import annotations

import os
import random
import resource
import time
from pathlib import Path

from latprof.run import cgroup

__all__ = ["CORES_SHARE", "MOST_PER_S", "Pace", "pause_s", "usable_cores"]

MOST_PER_S = 20.0
CORES_SHARE = 0.1
"""Of the cores that the service may use: what it can lose where all of them are busy."""

_LONGEST_PAUSES = 4.0


class Pace:
    """How long to wait for each next sample, by what the last one took of this process.

    Args:
        cores: That the sampled process may use.
    """

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._chance = random.Random()  # noqa: S311 - instants, no secrets
        self._spent_s = _cpu_s()

    def pause_s(self) -> float:
        """Return how long to wait, by the CPU time that was spent since the last call."""
        before_s, self._spent_s = self._spent_s, _cpu_s()
        return pause_s(self._spent_s - before_s, self._cores, self._chance.expovariate(1.0))


def pause_s(cost_s: float, cores: float, chance: float) -> float:
    """Return how long to wait for the next sample.

    Args:
        cost_s: CPU time that the last one took.
        cores: That the sampled process may use.
        chance: Of an exponential distribution of mean 1, so that samples are independent.

    >>> pause_s(0.05, 2, 1.0)
    0.25
    >>> pause_s(0.0001, 2, 1.0)
    0.05
    """
    return max(1 / MOST_PER_S, cost_s / (CORES_SHARE * cores)) * min(chance, _LONGEST_PAUSES)


def usable_cores(pid: int, root: Path = Path("/")) -> float:
    """Return how many cores a process may use: those of its affinity, within our own quota.

    Args:
        pid: Of the process.
        root: Of the file system: `/`, or a test's copy.
    """
    try:
        allowed = len(os.sched_getaffinity(pid))
    except (AttributeError, OSError):  # another system, or it has ended
        allowed = os.cpu_count() or 1
    quota = cgroup.quota_cpus(root)
    return allowed if quota is None else min(allowed, quota)


def _cpu_s() -> float:
    """Return the CPU time of this process and of the py-spys that it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime + time.process_time()
