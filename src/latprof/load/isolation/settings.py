"""What a user may choose for the process of an isolated target."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprof.errors import UsageError
from latprof.load.limits import whole

__all__ = ["Isolation"]


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """Run the target in a process of its own: `latprof.profile(..., isolate=Isolation(...))`.

    Args:
        python: Interpreter of the process, another virtual environment's for instance; by
            default this one. It needs numpy, pyarrow and psutil; latprof's own code is lent to it.
        cpus: Numbers of the CPUs that the target may use, as `taskset` counts them; the pacer is
            kept off them where there are others. By default those of this process.
        env: Environment variables that it gets besides those of this process.
        cwd: Its working directory; by default that of this process.
        realtime: Whether the pacer of an open loop asks for SCHED_FIFO, else a negative nice.
            What it was granted is in `run.json`, as `driver.scheduling`.

    Raises:
        UsageError: A value is not what it takes.

    Example:
        >>> Isolation(cpus=[0], env={"OMP_NUM_THREADS": "1"}).cpus
        (0,)
    """

    python: Path | str | None = None
    cpus: Sequence[int] | None = None
    env: Mapping[str, str] | None = None
    cwd: Path | str | None = None
    realtime: bool = True

    def __post_init__(self) -> None:
        for name, check in (("python", _python), ("cpus", _cpus), ("env", _env), ("cwd", _cwd)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(value))

    @staticmethod
    def of(given: object) -> Isolation | None:
        """Return what `isolate=` means; None for False.

        Raises:
            UsageError: It is neither a flag nor an `Isolation`.
        """
        if isinstance(given, bool):
            return Isolation() if given else None
        if isinstance(given, Isolation):
            return given
        raise UsageError(f"isolate= takes True, False or latprof.Isolation(...), not {given!r}")

    def describe(self) -> dict[str, Any]:
        """Return it as run.json keeps it: of the environment only the names, values are secret."""
        return {
            "python": None if self.python is None else str(self.python),
            "cpus": None if self.cpus is None else list(self.cpus),
            "env": sorted(self.env or {}),
            "cwd": None if self.cwd is None else str(self.cwd),
            "realtime": self.realtime,
        }


def _python(given: Any) -> Path:
    path = _path("python", given)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise UsageError(f"Isolation(python=) takes an interpreter: {path} is no program")
    return path.absolute()  # not resolved: a virtual environment is known by its link


def _cpus(given: Any) -> tuple[int, ...]:
    if not hasattr(os, "sched_getaffinity"):
        raise UsageError("Isolation(cpus=) is for Linux: no other system pins processes to CPUs")
    usable = os.sched_getaffinity(0)
    try:
        cpus = tuple(whole("Isolation(cpus=)", cpu, least=0) for cpu in given)
    except TypeError:
        cpus = ()
    if not cpus or not usable.issuperset(cpus):
        known = ", ".join(map(str, sorted(usable)))
        raise UsageError(f"Isolation(cpus=) takes some of the CPUs {known}, not {given!r}")
    return cpus


def _env(given: Any) -> dict[str, str]:
    pairs: dict[Any, Any] = dict(given) if isinstance(given, Mapping) else {None: None}
    for name, value in pairs.items():
        texts = isinstance(name, str) and isinstance(value, str)
        if not texts or not name or "=" in name or "\0" in name + value:
            raise UsageError(f"Isolation(env=) takes texts by their names, not {given!r}")
    return pairs


def _cwd(given: Any) -> Path:
    path = _path("cwd", given)
    if not path.is_dir():
        raise UsageError(f"Isolation(cwd=) takes a folder: {path} is none")
    return path.absolute()


def _path(name: str, given: Any) -> Path:
    try:
        return Path(given)
    except TypeError as error:
        raise UsageError(f"Isolation({name}=) takes a path, not {given!r}") from error
