"""Reading the streams of a recording, which may be cut off, or damaged, at any byte.

The lengths that a stream claims are checked against the file before anything is read, and each
batch is decoded by itself, behind a copy of the schema and of the dictionaries that it needs.
Layout: Apache Arrow Columnar Format, "Encapsulated message format", and its Message.fbs.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from latprof.errors import RunFormatError
from latprof.run.disk import require_regular, unreadable
from latprof.run.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["batches"]

_CONTINUATION = 0xFFFFFFFF
# The longest of ours, a schema, takes some kilobytes.
_METADATA_LIMIT_BYTES = 1 << 20


class _Kind(IntEnum):
    """Kinds of message, by their number in the format."""

    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3


@dataclass(frozen=True, slots=True)
class _Message:
    """One whole message: what its header says, and its bytes in parts."""

    kind: int
    dictionary_id: int
    parts: tuple[bytes, ...]


def batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the whole batches of a stream, without those whose bytes are damaged.

    Where the stream is cut off, or does not go on with a message, it ends.

    Args:
        path: The stream; none there means no rows.
        schema: Which it must have.

    Raises:
        RunFormatError: It is no stream, or has another schema.
    """
    if not os.path.lexists(path):
        return
    size = require_regular(path)
    try:
        with path.open("rb") as file:
            yield from _decoded(path, file, size, schema)
    except OSError as error:
        raise RunFormatError(path, unreadable(error)) from error


def _decoded(path: Path, file: BinaryIO, size: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        head = _next_message(file, size)
    except ValueError as error:
        raise RunFormatError(path, f"is no Arrow stream: {one_line(error)}") from error
    if head is None:
        return
    _require_schema(path, head, schema)
    dictionaries: dict[int, _Message] = {}
    with contextlib.suppress(ValueError):
        while message := _next_message(file, size):
            if message.kind == _Kind.DICTIONARY and message.dictionary_id < len(schema):
                dictionaries[message.dictionary_id] = message
            elif message.kind == _Kind.BATCH:
                batch = _batch([head, *dictionaries.values(), message])
                if batch is not None:
                    yield batch


def _require_schema(path: Path, head: _Message, schema: pa.Schema) -> None:
    try:
        found = pa.ipc.open_stream(b"".join(head.parts)).schema
    except Exception as error:  # see _batch
        raise RunFormatError(path, f"is no Arrow stream: {one_line(error)}") from error
    if not found.equals(schema):
        raise RunFormatError(path, "has columns that latprof did not write")


def _batch(messages: Iterable[_Message]) -> pa.RecordBatch | None:
    """Return the one batch of a stream of these messages; None where their bytes hold none."""
    stream = b"".join(part for message in messages for part in message.parts)
    try:
        batch = pa.ipc.open_stream(stream).read_next_batch()
        batch.validate(full=True)
    except Exception:  # noqa: BLE001 - what decoders say to bad bytes is no closed list
        return None
    return batch


def _next_message(file: BinaryIO, size: int) -> _Message | None:
    """Return the next message; None at the end of the stream and where it is cut off.

    Raises:
        ValueError: The bytes are something that latprof does not write.
    """
    head = file.read(8)
    if len(head) < 8:
        return None
    continuation, metadata_bytes = struct.unpack("<Ii", head)
    if continuation != _CONTINUATION or not 0 <= metadata_bytes <= _METADATA_LIMIT_BYTES:
        raise ValueError("no message begins where one should")
    if metadata_bytes == 0:  # the mark of a stream that was closed
        return None
    metadata = file.read(metadata_bytes)
    if len(metadata) < metadata_bytes:
        return None
    kind, dictionary_id, body_bytes = _header(metadata)
    if body_bytes > size - file.tell():
        return None
    return _Message(kind, dictionary_id, (head, metadata, file.read(body_bytes)))


def _header(metadata: bytes) -> tuple[int, int, int]:
    """Return kind, dictionary id and length of the body, as the flatbuffer `Message` has them."""
    try:
        message = _read("<I", metadata, 0)
        kind = _read("<B", metadata, _slot(metadata, message, 1))
        header = _child(metadata, message, 2)
        body_bytes = _read("<q", metadata, _slot(metadata, message, 3))
        dictionary_id = 0
        batch = header
        if kind == _Kind.DICTIONARY:
            dictionary_id = _read("<q", metadata, _slot(metadata, header, 0))
            batch = _child(metadata, header, 1)
            _require_absent(metadata, header, 2)  # isDelta
        if kind != _Kind.SCHEMA:
            _require_absent(metadata, batch, 3)  # compression
    except struct.error as error:
        raise ValueError("a message has a damaged header") from error
    if body_bytes < 0 or dictionary_id < 0:
        raise ValueError("a message has a negative length")
    return kind, dictionary_id, body_bytes


def _read(kind: str, data: bytes, offset: int | None) -> int:
    """Return one number of a flatbuffer; 0, its default, where it is left out."""
    return 0 if offset is None else int(struct.unpack_from(kind, data, offset)[0])


def _slot(data: bytes, table: int, index: int) -> int | None:
    """Return where the field `index` of the flatbuffer table at `table` lies, if it is there."""
    vtable = table - _read("<i", data, table)
    entry = 4 + 2 * index
    if entry + 2 > _read("<H", data, vtable):
        return None
    offset = _read("<H", data, vtable + entry)
    return table + offset if offset else None


def _child(data: bytes, table: int, index: int) -> int:
    """Return where the table lies to which a field points."""
    slot = _slot(data, table, index)
    if slot is None:
        raise ValueError("a message has no header")
    return slot + _read("<I", data, slot)


def _require_absent(data: bytes, table: int, index: int) -> None:
    """Refuse deltas and compression: latprof writes none, and both could claim any size."""
    if _slot(data, table, index) is not None:
        raise ValueError("a message is packed in a way that latprof does not use")
