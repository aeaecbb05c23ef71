"""Death: how a process ended, in words, with what speaks for a kill for want of memory."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from latprof.run.cgroup import oom_kills

__all__ = ["Death"]


class Death:
    """Looks at the counts of kills for want of memory before a load, and again after a death.

    Args:
        root: Of the file system: `/`, or a test's copy.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._before = oom_kills(root)

    def words(self, exit_code: int) -> str:
        """Return how a process with this exit code ended.

        >>> Death().words(3)
        'ended with exit code 3'
        """
        if exit_code >= 0:
            return f"ended with exit code {exit_code}"
        name = f"signal {-exit_code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exit_code).name
        if -exit_code != signal.SIGKILL:
            return f"was ended by {name}"
        if oom_kills(self._root) > self._before:
            return f"was killed ({name}): the system was out of memory"
        return f"was killed ({name}), perhaps out of memory"
