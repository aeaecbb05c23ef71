"""The near side of an arm's process: started, asked, stopped between its turns, and reaped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import psutil

import latprof
from latprof.errors import TargetError, UsageError
from latprof.run.text import one_line

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ArmProcess"]

_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)
_CHUNK = 1 << 16
_POLITE_S = 2.0
_STDERR_TAIL = 4096


class ArmProcess:
    """A process with one arm in it; a context manager that leaves nothing of it behind.

    It leads a session of its own, so Ctrl-C in a terminal does not reach it, and between its
    turns it is stopped (SIGSTOP): not even its idle threads take time from the others. Not yet
    run with an arm on a GPU.

    Args:
        threads: Told to the numeric libraries by their variables, before they are imported.
        log: File for what it prints.
    """

    def __init__(self, threads: int, log: Path) -> None:
        self._threads, self._log = threads, log
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start the process: inside the block, so that whatever comes then also ends it."""
        source = str(Path(latprof.__file__).parents[1])
        paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
        count = dict.fromkeys(_THREADS, str(self._threads))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "latprof.load.duel.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **count, "PYTHONPATH": os.pathsep.join(paths)},
                start_new_session=True,
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process and all that it started, whatever state they are in."""
        process = self._process
        if process is None:
            return
        tree = _descendants(process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for each in tree:  # those that left the group
            with contextlib.suppress(psutil.Error):
                each.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()

    def ready(self, timeout_s: float) -> None:
        """Wait until the interpreter is up, so that loading is timed without its start.

        Raises:
            TargetError: It is not, in time.
        """
        self._answer("starting", time.monotonic() + timeout_s)

    def ask(self, what: str, timeout_s: float, **more: Any) -> dict[str, Any]:
        """Send a command and return its answer.

        Raises:
            TargetError: The arm failed, died, or did not answer in time; the message says which.
            UsageError: It refused what the user gave it.
        """
        line = json.dumps({"do": what, **more}) + "\n"
        try:
            pipe = _pipe(self._running().stdin)
            pipe.write(line.encode())
            pipe.flush()
        except OSError:
            raise TargetError(self._death(what)) from None
        answer = self._answer(what, time.monotonic() + timeout_s)
        if "error" in answer:
            kind = UsageError if answer.get("refused") else TargetError
            raise kind(str(answer["error"]))
        return answer

    def pause(self) -> None:
        """Stop it until `resume`."""
        self._signal(signal.SIGSTOP)
        self._stopped = True

    def resume(self) -> None:
        """Let it go on."""
        if self._stopped:
            self._signal(signal.SIGCONT)
            self._stopped = False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._running().pid, number)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise TargetError("the arm was not started")
        return self._process

    def _answer(self, what: str, deadline_s: float) -> dict[str, Any]:
        descriptor = _pipe(self._running().stdout).fileno()
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while b"\n" not in self._read:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not waiting.poll(1_000 * left_s):
                raise TargetError(f"did not answer in time ({what}): stuck, or --timeout is short")
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                raise TargetError(self._death(what))
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _death(self, what: str) -> str:
        try:
            code = self._running().wait(_POLITE_S)
        except subprocess.TimeoutExpired:
            return f"closed its pipe ({what})"
        how = f"exit code {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
        said = self._last_words()
        return f"its process died with {how} ({what})" + (f": {said}" if said else "")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            tail = self._log.read_bytes()[-_STDERR_TAIL:].decode("utf-8", "replace")
            lines = [line for line in tail.splitlines() if line.strip()]
            return one_line(lines[-1]) if lines else ""
        return ""


def _pipe(pipe: Any) -> BinaryIO:
    if pipe is None:
        raise TargetError("the arm has no pipe")
    found: BinaryIO = pipe
    return found


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []
