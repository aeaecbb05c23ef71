"""The near side of the sampler: starts it beside a recording, allows it to look, and ends it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import latprof
from latprof.errors import RecordingError
from latprof.recording.stacks.spy import find_spy
from latprof.run.stackspool import FILE

__all__ = ["Beside"]

_SAMPLER = "latprof.recording.stacks.sampler"
_PR_SET_PTRACER = 0x59616D61
_READY_S = 10.0
_LAST_WORD_S = 2.0


class Beside:
    """A sampler of the stacks of this process, which has shown that it can read them.

    Raises:
        MissingDependencyError: py-spy is not installed.
        RecordingError: It may not read this process, or is too old.
    """

    def __init__(self) -> None:
        command = find_spy().command
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", _SAMPLER, str(os.getpid()), str(command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": _source()},
            start_new_session=True,  # Ctrl-C is for the recording, which ends this in its turn
            text=True,
        )
        try:
            _allow(self._process.pid)
            self._write("look\n")
            first = self._heard(_READY_S)
        except BaseException:
            self._kill()
            raise
        if not first.get("ready"):
            self._kill()
            reason = first.get("refused", "the process that samples them did not start")
            raise RecordingError(f"no stacks: {reason}; without stacks=True all else is recorded")

    def begin(self, folder: Path) -> None:
        """Sample from now on, into the folder of a recording."""
        self._write(f"{json.dumps(str(folder / FILE))}\n")

    def end(self) -> str | None:
        """End the sampler; return why stacks are missing from some instant on, if they are."""
        code = self._process.poll()
        if code is not None and code < 0:
            self._kill()
            return f"the process that samples stacks was ended by signal {-code}"
        with contextlib.suppress(OSError):
            self._pipe(self._process.stdin).close()
        last = self._heard(_LAST_WORD_S)
        self._kill()
        problem = last.get("problem", "the process that samples stacks ended without a word")
        return None if problem is None else str(problem)

    def _write(self, words: str) -> None:
        with contextlib.suppress(OSError):  # it has died: that is heard below
            self._pipe(self._process.stdin).write(words)
            self._pipe(self._process.stdin).flush()

    def _heard(self, seconds: float) -> dict[str, Any]:
        """Return the next line that the sampler says; {} where it says none."""
        stdout = self._pipe(self._process.stdout)
        ready, _, _ = select.select([stdout], [], [], seconds)
        try:
            return dict(json.loads(stdout.readline())) if ready else {}
        except ValueError:
            return {}

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        assert stream is not None  # noqa: S101 - both were asked for
        return stream

    def _kill(self) -> None:
        _allow(0)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                self._pipe(pipe).close()


def _allow(process_id: int) -> None:
    """Let a process and its children read this one where Yama asks for that; 0 takes it back."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, process_id, 0, 0, 0)


def _source() -> str:
    own = str(Path(latprof.__file__).parent.parent)
    return os.pathsep.join(filter(None, [own, os.environ.get("PYTHONPATH")]))
