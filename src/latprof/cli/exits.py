"""Exit codes: what a script or a pipeline learns from latprof without reading a word."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """How a verb ended; 0 to 3 are answers, the rest says why there is none."""

    FINE = 0
    FAILED = 1
    """A check was made and not passed."""
    USAGE = 2
    """The command line or what it names is wrong; the message says what to do."""
    INVALID = 3
    """The run is INVALID: its numbers are shown, and must not be decided on."""
    BUG = 70
    """An error that latprof did not foresee; EX_SOFTWARE of sysexits.h, so never taken for 1."""
    INTERRUPTED = 130
    """Ctrl-C, as a shell reports it: 128 + SIGINT. What was recorded is kept."""
    BROKEN_PIPE = 141
    """Whoever read the output has left, as a shell reports it: 128 + SIGPIPE."""
