"""The near side of an arm's process: started, asked, stopped between its turns, and reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from latprof import __version__
from latprof.errors import TargetError, UsageError
from latprof.load.isolation.process import Process, source_of_latprof
from latprof.recording import core
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
_POLITE_S = 2.0
_STARTING = "starting"
_STDERR_TAIL = 4096


class ArmProcess:
    """A process with one arm in it; a context manager that leaves nothing of it behind.

    It leads a session of its own, so Ctrl-C in a terminal does not reach it, and between its
    turns it is stopped (SIGSTOP): not even its idle threads take time from the others.

    Args:
        threads: Told to the numeric libraries by their variables, before they are imported.
        log: File for what it prints.
        folder: Where it lives; None for where this process does.
        python: What runs it; None for the interpreter of this process.
    """

    def __init__(
        self, threads: int, log: Path, folder: str | None = None, python: str | None = None
    ) -> None:
        self._threads, self._log, self._folder, self._python = threads, log, folder, python
        self._process: Process | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start the process: inside the block, so that whatever comes then also ends it."""
        count = dict.fromkeys(_THREADS, str(self._threads))
        command = [self._python or sys.executable, "-P", "-m", "latprof.load.duel.worker"]
        env = {**os.environ, **count, **self._path()}
        if self._folder is not None:  # a checkout stays as it is, and may be read-only
            env["PYTHONDONTWRITEBYTECODE"] = "1"
        folder = None if self._folder is None else Path(self._folder)
        with self._log.open("wb") as log:
            self._process = Process(command, log.fileno(), env, folder, takes_commands=True)

    def _path(self) -> dict[str, str]:
        """Return the path variable: another interpreter has a latprof, and libraries, of its own.

        The folder of this latprof may hold all else that is installed here, and would hide what
        the other one was to be judged with.
        """
        if self._python is not None:
            return {}
        paths = [str(source_of_latprof()), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths)}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process and all that it started, whatever state they are in."""
        if self._process is not None:
            self._process.end()

    def ready(self, timeout_s: float) -> None:
        """Wait until the interpreter is up, so that loading is timed without its start.

        Raises:
            TargetError: It is not, in time.
            UsageError: Its latprof is of another version, or records in another way.
        """
        said = self._answer(_STARTING, timeout_s)
        there = said.get("latprof")
        if there != __version__:
            raise UsageError(
                f"{self._python} has latprof {there or 'of an older version'}, this is "
                f"{__version__}: install this one there"
            )
        if said.get("core") != core.KIND:  # one takes many times as long to record a stage
            raise UsageError(
                f"{self._python} has the {said.get('core')} recording core, this is the "
                f"{core.KIND} one: install latprof there as here, or set LATPROF_CORE=plain"
            )

    def ask(self, what: str, timeout_s: float, **more: Any) -> dict[str, Any]:
        """Send a command and return its answer.

        Raises:
            TargetError: The arm failed, died, or did not answer in time; the message says which.
            UsageError: It refused what the user gave it.
        """
        try:
            self._running().send({"do": what, **more})
        except OSError:
            raise TargetError(self._death(what)) from None
        answer = self._answer(what, timeout_s)
        if "error" in answer:
            kind = UsageError if answer.get("refused") else TargetError
            raise kind(str(answer["error"]))
        return answer

    def pause(self) -> None:
        """Stop it until `resume`."""
        self._running().signal_all(signal.SIGSTOP)
        self._stopped = True

    def resume(self) -> None:
        """Let it go on."""
        if self._stopped:
            self._running().signal_all(signal.SIGCONT)
            self._stopped = False

    def _running(self) -> Process:
        if self._process is None:
            raise TargetError("the arm was not started")
        return self._process

    def _answer(self, what: str, timeout_s: float) -> dict[str, Any]:
        try:
            answer = self._running().receive(timeout_s)
        except EOFError:
            raise TargetError(self._death(what)) from None
        if answer is None:
            raise TargetError(f"did not answer in time ({what}): stuck, or --timeout is short")
        return answer

    def _death(self, what: str) -> str:
        code = self._running().wait(_POLITE_S)
        if code is None:
            return f"closed its pipe ({what})"
        how = f"exit code {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
        said = self._last_words()
        told = f"its process died with {how} ({what})" + (f": {said}" if said else "")
        asked = self._python is not None and what == _STARTING
        return f"{told}: install latprof for {self._python}" if asked else told

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            tail = self._log.read_bytes()[-_STDERR_TAIL:].decode("utf-8", "replace")
            lines = [line for line in tail.splitlines() if line.strip()]
            return one_line(lines[-1]) if lines else ""
        return ""
