"""Tokens: how the pacer tells the process of the target that a request was sent."""

from __future__ import annotations

import os
import sys

__all__ = ["ALL", "Tokens"]

ALL = 1 << 32
"""More than there are workers: whoever waits finds one."""


class Tokens:
    """A semaphore that lies between processes: an eventfd (Linux, eventfd(2)), else a pipe.

    A taker of an eventfd gets one token a read, whoever gives how many. In a pipe a token is a
    byte; there the end of all givers is told to the takers by itself.

    Args:
        take_fd: Where tokens are taken, -1 where this process takes none.
        give_fd: Where they are given, -1 where it gives none.
        is_pipe: Whether it is a pipe.
    """

    def __init__(self, take_fd: int, give_fd: int, *, is_pipe: bool) -> None:
        self.take_fd, self.give_fd, self.is_pipe = take_fd, give_fd, is_pipe

    @classmethod
    def fresh(cls, *, is_pipe: bool = sys.platform != "linux") -> Tokens:
        """Return a semaphore without tokens."""
        if is_pipe:
            return cls(*os.pipe(), is_pipe=True)
        both = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC)
        return cls(both, both, is_pipe=False)

    def give(self, count: int) -> None:
        """Give tokens; waits where a pipe is full."""
        if self.is_pipe:
            left = count
            while left > 0:
                left -= os.write(self.give_fd, bytes(min(left, 1 << 12)))
        else:
            os.write(self.give_fd, count.to_bytes(8, sys.byteorder))

    def take(self) -> None:
        """Wait for a token and take it. At the end of a pipe there is always one."""
        os.read(self.take_fd, 1 if self.is_pipe else 8)

    def release(self) -> None:
        """Let nobody wait any longer. A pipe does that when its givers have closed it."""
        if self.is_pipe:
            self.close()
        else:
            self.give(ALL)

    def close(self) -> None:
        """Close what this process holds of it."""
        for fd in {self.take_fd, self.give_fd} - {-1}:
            os.close(fd)
        self.take_fd = self.give_fd = -1
