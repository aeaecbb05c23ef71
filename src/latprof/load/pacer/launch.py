"""The near side of the pacer: started beside the target's process, and ended with it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from latprof.load.isolation.process import Process, source_of_latprof
from latprof.load.pacer.tokens import Tokens
from latprof.run.disk import refusals
from latprof.run.sent import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from latprof.load.arrivals import Offsets

__all__ = ["Pacer"]

_READY_S = 10.0


class Pacer:
    """The process that paces one load; a context manager that ends it.

    Args:
        offsets: Due instants in ns after the origin.
        place: A folder for the offsets.
        folder: Of the run; takes the instants at which requests were sent.
        output: Descriptor that takes what the process prints.
        realtime: Whether it asks for a better scheduling class.
        avoided: CPUs that it leaves to the target where there are others.

    Attributes:
        take_fd: Where the target's process finds the tokens, to be passed to it.
        control_fd: Where it tells the origin.
        is_pipe: Whether the tokens lie in a pipe.
    """

    def __init__(
        self,
        offsets: Offsets,
        place: Path,
        folder: Path,
        output: int,
        *,
        realtime: bool,
        avoided: Iterable[int] | None,
    ) -> None:
        with refusals(folder):
            offsets.tofile(place / "offsets")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FILE).write_bytes(bytes(offsets.nbytes))
        self._tokens = Tokens.fresh()
        self.take_fd, self.is_pipe = self._tokens.take_fd, self._tokens.is_pipe
        control, self.control_fd = os.pipe()
        job = {
            "offsets": str(place / "offsets"),
            "sent": str(folder / FILE),
            "give_fd": self._tokens.give_fd,
            "control_fd": control,
            "is_pipe": self.is_pipe,
            "realtime": realtime,
        }
        command = [sys.executable, "-S", "-P", "-m", "latprof.load.pacer.process", json.dumps(job)]
        env = {"PYTHONPATH": str(source_of_latprof())}
        self._process = Process(command, output, env, pass_fds=(control, self._tokens.give_fd))
        os.close(control)
        if avoided is not None:
            self._keep_off(avoided)

    def _keep_off(self, cpus: Iterable[int]) -> None:
        others = os.sched_getaffinity(0).difference(cpus)
        if others:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(self._process.pid, others)

    def scheduling(self) -> str:
        """Return the scheduling class that it was granted."""
        try:
            message = self._process.receive(_READY_S) or {}
        except EOFError:
            message = {}
        return str(message.get("scheduling", "unknown"))

    def handed_over(self) -> None:
        """Close what is the target's alone, once its process has it."""
        os.close(self.control_fd)
        self.control_fd = -1
        if self.is_pipe:
            self._tokens.close()

    def has_failed(self) -> bool:
        """Return whether it ended before its work was done; then nobody waits for it any longer."""
        if self._process.exit_code in (None, 0):
            return False
        if not self.is_pipe:
            self._tokens.release()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.end()
        if self.control_fd != -1:
            os.close(self.control_fd)
        self._tokens.close()
