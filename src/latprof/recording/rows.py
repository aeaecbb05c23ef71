"""From the core's rows to the columns of the spool.

Written for a thread whose process is busy with Python code: each numpy or Arrow call on more than
some hundred rows lets go of the GIL, and where other threads want it gets it back 5 ms later. So
columns are made many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.recording import core
from latprof.recording.adapters.sightings import Sightings
from latprof.recording.session import Lap
from latprof.run.vocabulary import STATUSES

__all__ = [
    "Inputs",
    "RequestColumns",
    "Rows",
    "lap_columns",
    "request_rows",
    "span_columns",
    "span_rows",
]

# The layout of SpanRow and RequestRow in native/rows.h: first all columns of 8 bytes.
_SPAN = np.dtype(
    [
        ("request_id", "=i8"),
        ("span_id", "=i8"),
        ("parent_id", "=i8"),
        ("start_ns", "=i8"),
        ("end_ns", "=i8"),
        ("cpu_ns", "=i8"),
        ("runqueue_ns", "=i8"),
        ("thread_id", "=i8"),
        ("stage", "=i4"),
        ("error", "=i4"),
    ]
)
_REQUEST = np.dtype(
    [
        ("request_id", "=i8"),
        ("intended_ns", "=i8"),
        ("started_ns", "=i8"),
        ("finished_ns", "=i8"),
        ("worker", "=i4"),
        ("status", "=i4"),
    ]
)
_MOST_ERRORS = 1000  # texts kept in full; of later ones the type, so that memory stays bounded
Rows = npt.NDArray[Any]
Told = tuple[Mapping[str, object], str]
"""Columns of a request, and the same as JSON."""
Inputs = Callable[[int, Mapping[str, object] | None], Told]
"""Tells of the input that a request took, by its id and by what else was noted of it."""


def span_rows(data: bytes) -> Rows:
    """Return the core's span rows as a structured array."""
    return np.frombuffer(data, _SPAN)


def request_rows(data: bytes) -> Rows:
    """Return the core's request rows as a structured array."""
    return np.frombuffer(data, _REQUEST)


def span_columns(rows: Rows) -> Mapping[str, Any]:
    """Return the columns of `schema.SPANS`; null is what no probe reads here."""
    unknown = _unknown(len(rows))
    return {
        **_integers(rows),
        "stage": (rows["stage"], core.stage_names()),
        "error": _flags(rows["error"]),
        "device_ns": unknown,
        "issue_ns": unknown,
    }


def lap_columns(laps: Sequence[Lap]) -> Mapping[str, Any]:
    """Return the columns of `schema.DEVICE_TIMES`."""
    table = np.array(laps, np.int64).reshape(len(laps), len(Lap._fields))
    return dict(zip(Lap._fields, table.T, strict=True))


def _integers(rows: Rows) -> dict[str, pa.Array]:
    """Return the columns of int64, -1 as null: transposed as one array, with one mask for all."""
    width, count = rows.dtype.itemsize // 8, len(rows)
    names = [name for name in rows.dtype.names or () if rows.dtype[name] == np.int64]
    table = rows.view(np.int64).reshape(count, width).T[: len(names)].copy()
    known = np.packbits(table != -1, axis=1, bitorder="little")
    return {
        name: pa.Array.from_buffers(pa.int64(), count, [pa.py_buffer(mask), pa.py_buffer(values)])
        for name, mask, values in zip(names, known, table, strict=True)
    }


def _flags(codes: npt.NDArray[np.int32]) -> pa.Array:
    """Return a column of flags, none of them null."""
    flags = np.packbits(codes == 1, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(codes), [None, pa.py_buffer(flags)])


def _unknown(count: int) -> pa.Array:
    """Return a column of nulls."""
    mask, values = bytes(-(-count // 8)), bytes(8 * count)
    return pa.Array.from_buffers(pa.int64(), count, [pa.py_buffer(mask), pa.py_buffer(values)])


class RequestColumns:
    """Turns request rows into columns, joined with what was noted about them.

    Args:
        notes: Attributes by request id; those of the rows are taken out.
        sightings: What adapters saw; that of the rows is taken out.
        errors: Error texts by request id; those of the rows are taken out.
        batches: Batch ids by request id; those of the rows are taken out.

    Attributes:
        inputs: What tells of the input that a request took; None where nothing does.
    """

    def __init__(
        self,
        notes: MutableMapping[int, dict[str, object]],
        sightings: Sightings,
        errors: MutableMapping[int, str],
        batches: MutableMapping[int, int],
    ) -> None:
        self._notes = notes
        self._sightings = sightings
        self._errors = errors
        self._batches = batches
        self._codes: dict[str, int] = {}
        self.inputs: Inputs | None = None

    def of(self, rows: Rows) -> Mapping[str, Any]:
        """Return the columns of `schema.SPOOLED_REQUESTS`."""
        return {
            **_integers(rows),
            "worker": rows["worker"],
            "status": (rows["status"], list(STATUSES)),
            "error": self._error_column(rows),
            "batch_id": self._batch_column(rows),
            "attributes": self._attribute_column(rows),
        }

    def _error_column(self, rows: Rows) -> tuple[npt.NDArray[np.int32], list[str]]:
        codes = np.full(len(rows), -1, np.int32)
        for index in np.flatnonzero(rows["status"]):
            text = self._errors.pop(int(rows["request_id"][index]), None)
            if text is not None:
                codes[index] = self._code(text)
        return codes, list(self._codes)

    def _code(self, text: str) -> int:
        if text not in self._codes and len(self._codes) >= _MOST_ERRORS:
            text = text.partition(":")[0]
        return self._codes.setdefault(text, len(self._codes))

    def _batch_column(self, rows: Rows) -> pa.Array:
        if not self._batches:
            return _unknown(len(rows))
        taken = [self._batches.pop(request_id, None) for request_id in rows["request_id"].tolist()]
        return pa.array(taken, pa.int64())

    def _attribute_column(self, rows: Rows) -> list[str | None] | pa.Array:
        inputs, ids = self.inputs, rows["request_id"].tolist()
        if not self._notes and not self._sightings:
            if inputs is not None:
                return [inputs(request_id, None)[1] for request_id in ids]
            return pa.nulls(len(rows), pa.string())
        texts: list[str | None] = []
        for request_id in ids:
            noted = self._notes.pop(request_id, None)
            known = None if inputs is None else inputs(request_id, noted)
            texts.append(self._sightings.text_of(request_id, noted, known))
        return texts
