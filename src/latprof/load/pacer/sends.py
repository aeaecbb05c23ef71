"""The side of the target: the requests that the pacer has sent, one after the other."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from typing import Self

from latprof.load.pacer.tokens import Tokens

__all__ = ["Sends"]


class Sends:
    """An iterator over the numbers of requests: each `next` waits until one more was sent.

    Workers share it as they would share a counter: whoever takes a token first takes the next
    number afterwards, so a number is only ever given out once its request was sent.

    Args:
        tokens: What the pacer gives.
        control_fd: The pipe that tells the pacer the origin, and when to stop.
    """

    lead_ns = 20_000_000
    """The plan starts this long after the pacer was told so."""

    def __init__(self, tokens: Tokens, control_fd: int) -> None:
        self._tokens = tokens
        self._control = control_fd
        self._numbers = itertools.count()

    def begin(self, origin_ns: int) -> None:
        """Let the pacer start; `origin_ns` is the origin of the plan."""
        self._tell(origin_ns)

    def wait_until_ready(self) -> None:
        """Return when the pacer waits for the origin."""
        self._tokens.take()

    def release(self) -> None:
        """Stop the pacer and let all workers go: the load was ended."""
        self._tell(0)
        if not self._tokens.is_pipe:  # a pipe tells its takers when the pacer has left
            self._tokens.release()

    def _tell(self, number: int) -> None:
        with contextlib.suppress(OSError):  # it has ended
            os.write(self._control, number.to_bytes(8, sys.byteorder))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        self._tokens.take()
        return next(self._numbers)
