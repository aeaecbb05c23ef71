"""What the control groups of this process allow it: CPU quota and memory, versions 1 and 2.

Sources: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/; Documentation/scheduler/
sched-bwc.rst for the quota.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from latprof.run.facts import number, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Throttling", "memory_limit_bytes", "oom_kills", "quota_cpus", "throttling"]

# Version 1 says "no limit" as the largest page-aligned int64.
_NO_LIMIT_BYTES = 1 << 60


def quota_cpus(root: Path) -> float | None:
    """Return how many CPUs' worth of time this process may use; None without a quota.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """
    return _smallest(_folders(root, "cpu"), _quota)


def memory_limit_bytes(root: Path) -> int | None:
    """Return how much memory this process may use; None without a limit."""
    limit = _smallest(_folders(root, "memory"), _limit)
    return None if limit is None else int(limit)


def oom_kills(root: Path) -> int:
    """Return how many processes were killed for want of memory, here or in the whole machine.

    Of this process's groups memory.events (version 2) and memory.oom_control (version 1) tell,
    of the machine /proc/vmstat; only the growth of their sum says something.
    """
    places = [folder / "memory.events" for folder in _folders(root, "memory")]
    places += [folder / "memory.oom_control" for folder in _folders(root, "memory")]
    return sum(map(_kills, {*places, root / "proc/vmstat"}))


def _kills(place: Path) -> int:
    lines = (line.split() for line in (text(place) or "").splitlines())
    counts = [number(line[1]) for line in lines if len(line) == 2 and line[0] == "oom_kill"]
    return round(sum(count or 0 for count in counts))


class Throttling(NamedTuple):
    """What a CPU quota has done so far.

    Attributes:
        periods: How many of its periods began.
        stopped: How many of them it cut short.
        stopped_s: How long tasks stood still for it, added up over cores; None where unknown.
    """

    periods: float
    stopped: float
    stopped_s: float | None


def throttling(root: Path) -> Throttling | None:
    """Return what a CPU quota has done so far; None without one.

    Of the group nearest to this process that has a quota: the groups above it count others too.
    """
    for folder in _folders(root, "cpu"):
        words = (line.split() for line in (text(folder / "cpu.stat") or "").splitlines())
        counts = {line[0]: number(line[1]) for line in words if len(line) == 2}
        periods, stopped = counts.get("nr_periods"), counts.get("nr_throttled")
        if periods and stopped is not None:
            return Throttling(periods, stopped, _stopped_s(counts))
    return None


def _stopped_s(counts: Mapping[str, float | None]) -> float | None:
    """Return the time in s: version 2 tells it in microseconds, version 1 in nanoseconds."""
    for name, unit in (("throttled_usec", 1e6), ("throttled_time", 1e9)):
        if (value := counts.get(name)) is not None:
            return value / unit
    return None


def _smallest(folders: Iterable[Path], read: Callable[[Path], float | None]) -> float | None:
    found = (read(folder) for folder in folders)
    return min((value for value in found if value is not None), default=None)


def _quota(folder: Path) -> float | None:
    words = (text(folder / "cpu.max") or "").split()
    if not words:
        words = [text(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    quota, period = (number(word) for word in (*words, "", "")[:2])
    return quota / period if quota and period and quota > 0 and period > 0 else None


def _limit(folder: Path) -> float | None:
    limit = number(text(folder / "memory.max") or text(folder / "memory.limit_in_bytes"))
    return limit if limit is not None and 0 < limit < _NO_LIMIT_BYTES else None


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the groups that this process is in, from its own up to the top: each may limit it.

    In a container the path can be that of the host, which is not there; its own top then holds
    the limit.
    """
    for line in (text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, inside = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        group = PurePosixPath("/" + inside.lstrip("/"))
        for mount in _mounts(root, controllers):
            for part in (group, *group.parents):
                yield mount.joinpath(*part.parts[1:])


def _mounts(root: Path, controllers: str) -> list[Path]:
    """Return where a hierarchy may be mounted; version 2 is the one without named controllers."""
    top = root / "sys/fs/cgroup"
    if not controllers:
        return [top, top / "unified"]
    return [top / controllers, *(top / name for name in controllers.split(","))]
