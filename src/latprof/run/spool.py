"""The growing tables of a recording: a kill loses only what was not flushed.

Each table is an Arrow IPC stream that is only ever appended to. Dictionaries are replaced, never
extended by deltas, and hold the words of their batch alone: a reader can then decode each batch by
itself, and one with bad bytes harms no other.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.errors import StorageError, UsageError
from latprof.run import manifest as run_json
from latprof.run.disk import as_folder, lock, refusals
from latprof.run.schema import DEVICE_TIMES, SIGNALS, SPANS, SPOOLED_REQUESTS
from latprof.run.text import storable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["STREAMS", "Columns", "Spool", "refuse_run", "stream_path"]

STREAMS = {
    "requests": SPOOLED_REQUESTS,
    "spans": SPANS,
    "device_times": DEVICE_TIMES,
    "signals": SIGNALS,
}
Columns = Mapping[str, Any]

# Rows that wait for a flush in memory; at the densest rates a flush comes by itself.
_PENDING_LIMIT_BYTES = 4 << 20


def stream_path(folder: Path, name: str) -> Path:
    """Return where the table `name` of a recording in `folder` grows."""
    return folder / f"{name}.arrows"


class Spool:
    """The growing tables of a recording in one folder. One thread at a time may use it.

    Columns are of equal length and named as in the schema: Arrow arrays, or numpy's, where in
    integers that may be null and in the flag `error` of spans -1 stands for null. Columns of words
    (`status`, `error` of requests, `stage`, `signal`) come as a pair `(codes, names)`, code -1 for
    null.

    Args:
        folder: Where the run goes; made with its parents if it is not there.
        manifest: Keys of run.json that are known at the start; the others get their defaults.

    Raises:
        UsageError: The folder already holds a run, or the manifest cannot be saved.
        StorageError: The disk refuses.

    Example:
        >>> import pathlib, tempfile
        >>> spool = Spool(pathlib.Path(tempfile.mkdtemp(), "today"), {"target": "my_service"})
        >>> spool.append_signals({"time_ns": [1], "signal": ([0], ["rss"]), "value": [2.0]})
        >>> spool.flush()
        >>> spool.close({"interrupted": False})
    """

    def __init__(self, folder: Path | str, manifest: Mapping[str, Any]) -> None:
        self.folder = as_folder(folder).absolute()  # the program may go elsewhere meanwhile
        self._manifest = run_json.fresh(manifest)
        self._streams: dict[str, _Stream] = {}
        with refusals(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_run(self.folder)
        try:
            for name, schema in STREAMS.items():
                self._streams[name] = _Stream(stream_path(self.folder, name), schema)
            self.flush()  # a disk without room for the heads of the streams says so now
            run_json.write(self.folder, self._manifest)
        except BaseException:
            self._discard()
            raise

    def append_requests(self, columns: Columns) -> None:
        """Add finished requests, as columns of `schema.SPOOLED_REQUESTS`."""
        self._streams["requests"].append(columns)

    def append_spans(self, columns: Columns) -> None:
        """Add closed spans, as columns of `schema.SPANS`."""
        self._streams["spans"].append(columns)

    def append_device_times(self, columns: Columns) -> None:
        """Add what devices did for spans, as columns of `schema.DEVICE_TIMES`.

        Those of one span may come in several rows, before it or after it: they are added up.
        """
        self._streams["device_times"].append(columns)

    def append_signals(self, columns: Columns) -> None:
        """Add samples, as columns of `schema.SIGNALS`."""
        self._streams["signals"].append(columns)

    def flush(self) -> None:
        """Hand everything appended to the operating system: from here on a kill keeps it.

        Raises:
            StorageError: The disk refuses; each stream ends with its last whole flush.
        """
        for stream in self._streams.values():
            stream.flush()

    def close(self, updates: Mapping[str, Any]) -> None:
        """Flush, end the streams and put `updates` into run.json. Closing again does nothing.

        Raises:
            StorageError: The disk refuses; what is there can still be finished.
        """
        streams, self._streams = self._streams, {}
        if not streams:
            return
        with contextlib.ExitStack() as stack:
            stack.callback(self._update, updates)
            for stream in streams.values():
                stack.callback(stream.close)

    def _update(self, updates: Mapping[str, Any]) -> None:
        self._manifest |= updates
        run_json.write(self.folder, self._manifest)

    def _discard(self) -> None:
        """Take back a spool that could not be begun."""
        for name, stream in self._streams.items():
            with contextlib.suppress(StorageError):
                stream.close()
            stream_path(self.folder, name).unlink(missing_ok=True)


def refuse_run(folder: Path) -> None:
    """Refuse a folder that holds a run, or a recording.

    Raises:
        UsageError: It does.
    """
    if any(next(folder.glob(pattern), None) for pattern in (run_json.FILE, "*.arrows")):
        raise UsageError(f"{folder} already holds a run: choose another folder or delete that one")


class _Stream:
    """One table as an Arrow IPC stream that ends with a whole batch, even on a full disk."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._pending = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._pending, schema)
        self._broken: StorageError | None = None
        self._flushed_bytes = 0
        with refusals(path):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            lock(self._file)

    def append(self, columns: Columns) -> None:
        arrays = [_array(columns[field.name], field) for field in self._schema]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        if self._pending.tell() > _PENDING_LIMIT_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._broken:
            raise self._broken
        data = self._pending.getvalue()
        try:
            with refusals(self._path):
                _write_all(self._file, data)
        except StorageError as error:
            # Rows after a torn batch could not be read: end the stream where it was last whole.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._flushed_bytes)
            self._broken = error
            raise
        self._flushed_bytes += len(data)
        self._pending.seek(0)
        self._pending.truncate()

    def close(self) -> None:
        try:
            self._writer.close()
            self.flush()
        finally:
            os.close(self._file)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _array(column: Any, field: pa.Field) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if pa.types.is_dictionary(field.type):
        codes, names = column
        return _words(np.asarray(codes, np.int32), names, field)
    if pa.types.is_string(field.type):
        return pa.array([None if text is None else storable(text) for text in column], field.type)
    if pa.types.is_floating(field.type):
        return pa.array(np.asarray(column, np.float64))
    values = np.asarray(column, np.int64)
    mask = values == -1 if field.nullable else None
    if pa.types.is_boolean(field.type):
        return pa.array(values == 1, mask=mask)
    return pa.array(values, field.type, mask=mask)


def _words(
    codes: npt.NDArray[np.int32], names: Sequence[str], field: pa.Field
) -> pa.DictionaryArray:
    """Return the words of one batch over a dictionary of those words alone."""
    is_used = np.zeros(len(names) + 1, np.bool_)  # the last one for code -1
    is_used[codes] = True
    used = np.flatnonzero(is_used[:-1])
    places = np.full(len(names) + 1, -1, np.int32)
    places[used] = np.arange(used.size)
    indices = places[codes]
    mask = pa.py_buffer(np.packbits(indices >= 0, bitorder="little")) if field.nullable else None
    words = pa.array([storable(names[code]) for code in used.tolist()], pa.string())
    return pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), codes.size, [mask, pa.py_buffer(indices)]), words
    )
