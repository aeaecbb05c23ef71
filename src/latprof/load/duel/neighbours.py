"""Gates on one machine know of each other: two that measure at once disturb each other.

Each holds a lock on a file of its own in a folder that they all know. A lock goes with its process,
however that ends, so nobody is taken for present who was killed. A newcomer signs the files of
those that it finds: so both learn of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Presence", "present"]

_FOLDER = "latprof-gates"
_ALL_MAY_WRITE = 0o1777  # users share a machine; each may remove its own files only
_SIGNATURE = b"."


class Presence:
    """Of one gate, from `present`.

    Args:
        found: How many others were there when it came.
        descriptor: Of its own file.
    """

    def __init__(self, found: int, descriptor: int) -> None:
        self._found, self._descriptor = found, descriptor

    def others(self) -> int:
        """Return how many other gates have run beside it so far."""
        return self._found + os.fstat(self._descriptor).st_size


@contextlib.contextmanager
def present() -> Iterator[Presence | None]:
    """Be known to other gates for the length of the block.

    Yields:
        What tells of others; None where the system's temporary folder cannot be written.

    Example:
        >>> with present() as first, present() as second:
        ...     [each.others() >= 1 for each in (first, second)]
        [True, True]
    """
    try:
        folder = _folder()
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".lock")
    except OSError:
        yield None
        return
    own = Path(name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.fchmod(descriptor, 0o666)
        yield Presence(_greeted(folder, own), descriptor)
    finally:
        own.unlink(missing_ok=True)
        os.close(descriptor)


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / _FOLDER
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # another user's
        folder.chmod(_ALL_MAY_WRITE)
    return folder


def _greeted(folder: Path, own: Path) -> int:
    """Sign the files of all who are there, and return how many that are."""
    return sum(_greet(each) for each in folder.glob("*.lock") if each != own)


def _greet(file: Path) -> bool:
    """Sign the file of one who is there; remove that of one who is not."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    except OSError:  # it has just gone, or is nobody's
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.write(descriptor, _SIGNATURE)
        return True
    else:
        with contextlib.suppress(OSError):
            file.unlink()
        return False
    finally:
        os.close(descriptor)
