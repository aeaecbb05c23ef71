"""A process with somebody else's code in it: started, listened to, ended with all its children."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

import latprof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

__all__ = ["TOKEN", "Process", "source_of_latprof"]

TOKEN = "LATPROF_ISOLATED"  # noqa: S105 - the name of a variable, no secret
"""In the environment of the process and of all that it starts: how those are found again."""

_CHUNK = 1 << 16


def source_of_latprof() -> Path:
    """Return the folder to put on another interpreter's path, so that it finds this latprof."""
    return Path(latprof.__file__).parents[1]


class Process:
    """A process; a context manager that leaves nothing of it behind.

    It leads a session of its own, so Ctrl-C in a terminal does not reach it. Standard output is
    for messages, one line of JSON each; all else that is printed goes to `output`.

    Args:
        command: What is run.
        output: Descriptor that takes its standard error.
        env: Its environment, to which `TOKEN` is added.
        cwd: Its working directory; None for that of this process.
        pass_fds: Descriptors that it gets.
        takes_commands: Whether it hears what `send` says, on its standard input.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: int,
        env: Mapping[str, str],
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        *,
        takes_commands: bool = False,
    ) -> None:
        self._token = uuid.uuid4().hex
        self._read = b""
        self._popen = subprocess.Popen(  # noqa: S603 - what the user named
            command,
            stdin=subprocess.PIPE if takes_commands else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**env, TOKEN: self._token},
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, the negative of a signal's number; None while it runs."""
        return self._popen.poll()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message as a line of JSON to its standard input.

        Raises:
            OSError: It has closed it.
        """
        assert self._popen.stdin is not None  # noqa: S101 - it takes commands
        self._popen.stdin.write(json.dumps(message).encode() + b"\n")
        self._popen.stdin.flush()

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message, or None where none came in time.

        Raises:
            EOFError: None will come any more.
        """
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._read:
            if not self._readable(max(0.0, deadline_s - time.monotonic())):
                if self.exit_code is None:
                    return None
                if not self._readable(0):  # a child of it holds the pipe
                    raise EOFError
            chunk = os.read(self._descriptor, _CHUNK)
            if not chunk:
                raise EOFError
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    @property
    def _descriptor(self) -> int:
        assert self._popen.stdout is not None  # noqa: S101 - it was asked for as a pipe
        return self._popen.stdout.fileno()

    def _readable(self, seconds: float) -> bool:
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        return bool(waiting.poll(1_000 * seconds))

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        self._popen.send_signal(number)

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it started in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; return how it ended, None where it did not in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(seconds)
        return None

    def end(self) -> None:
        """End the process and all that it started, whatever state they are in."""
        tree = _descendants(self.pid)
        if self.exit_code is None:
            self.signal_all(signal.SIGKILL)
        for each in tree:  # those that left the group
            with contextlib.suppress(psutil.Error):
                each.kill()
        self._popen.wait()
        while strays := _with_token(self._token):  # those whose own parent has ended
            for each in strays:
                with contextlib.suppress(psutil.Error):
                    each.kill()
            psutil.wait_procs(strays, 1)
        for pipe in filter(None, (self._popen.stdin, self._popen.stdout)):
            with contextlib.suppress(OSError):  # what it did not read any more
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _with_token(token: str) -> list[psutil.Process]:
    """Return the processes that carry a token; on systems that show no environments, none."""
    if sys.platform != "linux":
        return []
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(TOKEN) == token:
                found.append(process)
    return found
