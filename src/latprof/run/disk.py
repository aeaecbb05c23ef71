"""The disk: whole files or none when writing, bounded regular files when reading."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from latprof.errors import RunFormatError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "as_folder",
    "lock",
    "refusals",
    "replacing",
    "require_regular",
    "sync_folder",
    "unreadable",
]


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the disk refuses inside the block into a `StorageError` about `path`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"cannot write {path}: {reason}; make room there or choose another folder"
        ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` in one step once the block has ended well.

    Raises:
        StorageError: The disk refuses; what stood at `path` is untouched.
    """
    part = path.with_name(path.name + ".part")
    with refusals(path):
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_regular(path: Path, limit_bytes: int | None = None) -> int:
    """Return the size of a file, which must not be a pipe or a device: reading those could hang.

    Raises:
        RunFormatError: It is missing, no regular file, or larger than `limit_bytes`.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise RunFormatError(path, unreadable(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise RunFormatError(path, "is not a regular file")
    if limit_bytes is not None and status.st_size > limit_bytes:
        raise RunFormatError(path, f"is larger than {limit_bytes} bytes")
    return status.st_size


def unreadable(error: Exception) -> str:
    """Return why a file cannot be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def lock(descriptor: int) -> bool:
    """Hold an open file for this process until it closes it or dies; False if another holds it.

    A forked child does not inherit the hold. Where the file system knows no locks, everybody
    gets one.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def as_folder(path: Path | str) -> Path:
    """Return what a user gave as a path.

    Raises:
        UsageError: It is none.
    """
    try:
        folder = Path(path)
    except TypeError as error:
        raise UsageError(f"a folder must be a str or a Path, not {path!r}") from error
    if "\0" in str(folder):
        raise UsageError(f"no folder can be called {str(folder)!r}: it contains a NUL character")
    return folder
