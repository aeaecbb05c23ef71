"""Standard output belongs to latprof: whatever a target prints goes to standard error.

A target prints from Python, from C libraries and from processes that it starts; so not only
`sys.stdout` is turned round, but also the file descriptor below it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = ["console", "discard_stdout", "reserved_stdout"]

_STDOUT, _STDERR = 1, 2


@contextlib.contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yield standard output; what anybody else prints meanwhile goes to standard error.

    Example:
        >>> with reserved_stdout() as stdout:
        ...     print("a target's chatter")
        ...     _ = stdout.write("the answer")
        the answer
    """
    own = sys.stdout
    own.flush()
    with contextlib.redirect_stdout(sys.stderr):
        if _descriptor(own) != _STDOUT:  # a notebook or a test has put its own object there
            yield own
            return
        with _descriptor_reserved(own) as stream:
            yield stream


@contextlib.contextmanager
def _descriptor_reserved(own: TextIO) -> Iterator[TextIO]:
    copy = os.dup(_STDOUT)
    with os.fdopen(copy, "w", encoding=own.encoding, errors=own.errors) as stream:
        with contextlib.suppress(OSError):  # standard error is closed: the chatter stays
            os.dup2(_STDERR, _STDOUT)
        try:
            yield stream
        finally:
            os.dup2(copy, _STDOUT)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def console(stdout: TextIO) -> Console:
    """Return rich's console on `stdout`; where nobody reads any more, it raises as any file does.

    Rich itself would end the program with exit code 1, which means "fail" here.
    """
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Screen(file=stdout, highlight=False)


def discard_stdout() -> None:
    """Let standard output lead nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
