"""Bytes of a profile file, and JSON out of them: what is odd becomes a typed error here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from latprof.errors import RunFormatError
from latprof.units import bytes_text

__all__ = ["content", "decode", "each"]

T = TypeVar("T")
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_LARGEST_BYTES = 4 << 30  # a few kilobytes of gzip can claim more than any machine has


def content(path: Path) -> bytes | bytearray:
    """Return the bytes of a file, unpacked where it is gzip, whatever its name.

    Raises:
        RunFormatError: The file cannot be read, is empty, damaged, or larger than 4 GiB.
    """
    try:
        if path.exists() and not path.is_file():
            raise RunFormatError(path, "is no file")
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        data = _unpacked(path) if packed else _plain(path)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RunFormatError(path, f"cannot be read ({_reason(error)})") from error
    if not data:
        raise RunFormatError(path, "is empty: was the profiler ended before the file was copied?")
    return data


def _plain(path: Path) -> bytes:
    _limit(path, path.stat().st_size)
    return path.read_bytes()


def _unpacked(path: Path) -> bytearray:
    data = bytearray()
    with gzip.open(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            data += chunk
            _limit(path, len(data))
    return data


def _limit(path: Path, size_bytes: int) -> None:
    if size_bytes > _LARGEST_BYTES:
        limit = bytes_text(_LARGEST_BYTES)
        raise RunFormatError(path, f"holds more than {limit}: profile fewer runs")


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__


def decode(path: Path, data: bytes | bytearray | msgspec.Raw, kind: type[T]) -> T:
    """Decode JSON as `kind`, leaving out what `kind` does not name.

    msgspec reads straight into slotted objects and skips other fields without making anything of
    them, which is what a trace of hundreds of megabytes needs.

    Raises:
        RunFormatError: It is no JSON, torn, nested without end, or not of this shape.
    """
    with _errors(path):
        return msgspec.json.decode(data, type=kind)


def each(path: Path, elements: Iterable[msgspec.Raw], kind: type[T]) -> Iterator[T]:
    """Decode elements one at a time, so that only one of them is an object at any time.

    Raises:
        RunFormatError: As `decode`.
    """
    decoder = msgspec.json.Decoder(kind)
    with _errors(path):
        for element in elements:
            yield decoder.decode(element)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except msgspec.ValidationError as error:
        raise RunFormatError(path, f"is not as its format says: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise RunFormatError(path, f"is damaged or torn off: {error}") from error
