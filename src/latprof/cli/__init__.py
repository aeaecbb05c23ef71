"""The command line: one file and one function per verb.

app       the verbs put together, and how errors are told
exits     the exit codes
streams   what goes to standard output, and what does not
answer    what a verb says about a run: screen, JSON, exit code
inputs    inputs from a file
checks/   what `latprof doctor` looks at
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from latprof.cli.exits import ExitCode
from latprof.interrupt import unmissed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, as `latprof.cli.app.main` says; Ctrl-C is heard from here on.

    Args:
        arguments: What follows `latprof`; those of this process by default.

    Returns:
        An exit code of `latprof.cli.exits.ExitCode`.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        latprof ...
        0
    """
    try:
        with unmissed():
            from latprof.cli import app

            return app.main(arguments)
    except KeyboardInterrupt:  # while the verbs were being imported
        sys.stderr.write("latprof: interrupted\n")
        return ExitCode.INTERRUPTED
