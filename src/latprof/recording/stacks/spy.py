"""py-spy as a command: where it is, what it may read, one dump, and what its refusals mean."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import time
from pathlib import Path

from latprof.errors import MissingDependencyError, RecordingError, UsageError
from latprof.recording.stacks.snapshot import LOG, ThreadStack, read
from latprof.run.facts import field, text
from latprof.run.text import one_line

__all__ = ["Spy", "find_spy", "permission"]

OLDEST = (0, 4, 0)
"""The first py-spy that reads every Python that latprof runs on."""

_PATIENCE_S = 10.0
"""A dump takes 10 ms; it hangs where the process is stuck in the kernel."""

_CLOCK_TRIES = 3
_DENIED = re.compile(r"permission denied|operation not permitted|os error 1\b", re.IGNORECASE)
_GONE = re.compile(r"no such process|os error 3\b|check that the process is running", re.IGNORECASE)


def find_spy() -> Spy:
    """Return py-spy: the one beside this Python, or the one on the path.

    Raises:
        MissingDependencyError: There is none.
        RecordingError: It is too old, or does not run here.
    """
    found = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if found is None:
        raise MissingDependencyError("Sampling of stacks", "py-spy", "stacks")
    try:
        told = subprocess.run([found, "--version"], capture_output=True, check=False, timeout=10)  # noqa: S603 - found above
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecordingError(
            f"{found} does not run here ({error}): pip install --force-reinstall py-spy"
        ) from error
    version = re.search(rb"(\d+)\.(\d+)\.(\d+)", told.stdout)
    if version is None or tuple(map(int, version.groups())) < OLDEST:
        said = told.stdout.decode("utf-8", "replace").strip() or "tells no version"
        oldest = ".".join(map(str, OLDEST))
        raise RecordingError(
            f'{found} ({said}) is too old to tell stacks: pip install "py-spy>={oldest}"'
        )
    return Spy(Path(found))


class Spy:
    """Reads the stacks of a running process, one snapshot a call.

    Args:
        command: The executable.
    """

    def __init__(self, command: Path) -> None:
        self.command = command

    def snapshot(self, pid: int) -> list[ThreadStack]:
        """Stop the Python threads of a process for about a millisecond, and return their stacks.

        Raises:
            RecordingError: Not allowed, or py-spy failed or was killed: the message says which.
            UsageError: There is no such process, or it is no Python.
        """
        behind_ns = _behind_ns()
        began_ns = time.perf_counter_ns()
        call = [str(self.command), "dump", "--json", "--pid", str(pid)]
        try:
            told = subprocess.run(  # noqa: S603 - found on the path
                call, capture_output=True, check=False, timeout=_PATIENCE_S, env=os.environ | LOG
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RecordingError(f"py-spy gave no answer about process {pid}: {error}") from error
        if told.returncode:
            raise self._failure(pid, told.returncode, told.stderr.decode("utf-8", "replace"))
        middle_ns = (began_ns + time.perf_counter_ns()) // 2
        try:
            return read(told.stdout, told.stderr, behind_ns, middle_ns)
        except ValueError as error:
            raise RecordingError(f"{self.command}: {error}") from error

    def _failure(self, pid: int, code: int, said: str) -> Exception:
        if code < 0:
            return RecordingError(f"py-spy was ended by signal {-code} while it read process {pid}")
        if _has_ended(pid) or _GONE.search(said):
            return UsageError(f"there is no process {pid} to read stacks of: ps says which run")
        if _DENIED.search(said):
            return RecordingError(
                f"reading stacks of process {pid} is not allowed: {permission(pid)}"
            )
        return UsageError(f"process {pid} is no Python that py-spy can read: {_reason(said)}")


def _has_ended(pid: int) -> bool:
    """Whether a process is no more, or waits for its parent to notice that."""
    state = field(text(Path(f"/proc/{pid}/status")), "State")
    return state is None or state[:1] in "ZX"


def _reason(said: str) -> str:
    """Return what py-spy says, without its log and without where in itself it failed."""
    own = "\n".join(line for line in said.splitlines() if not line.startswith("["))
    return one_line(own.partition("Stack backtrace")[0].strip().removeprefix("Error: "))


def permission(pid: int, root: Path = Path("/")) -> str:
    """Return the one command or capability that would allow to read a process.

    Args:
        pid: Of the process.
        root: Of the file system: `/`, or a test's copy.

    Source: Linux, Documentation/admin-guide/LSM/Yama.rst and ptrace(2).
    """
    scope = text(root / "proc/sys/kernel/yama/ptrace_scope") or "0"
    if scope == "3":
        return "kernel.yama.ptrace_scope=3 forbids it to everybody until the next boot"
    owner = field(text(root / f"proc/{pid}/status"), "Uid")
    if os.geteuid() != 0 and owner is not None and owner.split()[0] != str(os.geteuid()):
        return 'it is another user\'s: sudo env "PATH=$PATH" latprof attach ' + str(pid)
    if os.geteuid() != 0 and scope == "1":
        return "sudo sysctl kernel.yama.ptrace_scope=0"
    if os.geteuid() != 0 and scope == "2":
        return 'only root may: sudo env "PATH=$PATH" latprof attach ' + str(pid)
    return "start the container with --cap-add=SYS_PTRACE"


def _behind_ns() -> int:
    """Return how far our clock is behind the wall clock, by the quickest of a few readings."""
    readings = []
    for _ in range(_CLOCK_TRIES):
        before, wall, after = time.perf_counter_ns(), time.time_ns(), time.perf_counter_ns()
        readings.append((after - before, wall - (before + after) // 2))
    return min(readings)[1]
