"""From the core's rows to the columns of the spool."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
import numpy.typing as npt

from latprof.recording import core
from latprof.run.attributes import encode
from latprof.run.vocabulary import STATUSES

__all__ = ["RequestColumns", "Rows", "request_rows", "span_columns", "span_rows"]

# The layout of SpanRow and RequestRow in native/rows.h.
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


def span_rows(data: bytes) -> Rows:
    """Return the core's span rows as a structured array."""
    return np.frombuffer(data, _SPAN)


def request_rows(data: bytes) -> Rows:
    """Return the core's request rows as a structured array."""
    return np.frombuffer(data, _REQUEST)


def span_columns(rows: Rows) -> Mapping[str, Any]:
    """Return the columns of `schema.SPANS`; what no probe reads is -1, which stands for null."""
    unknown = np.full(len(rows), -1, np.int64)
    columns: dict[str, Any] = {name: rows[name] for name in _SPAN.names or ()}
    columns["stage"] = (rows["stage"], core.stage_names())
    return columns | {"device_ns": unknown, "issue_ns": unknown}


class RequestColumns:
    """Turns request rows into columns, joined with what was noted about them.

    Args:
        notes: Attributes by request id; those of the rows are taken out.
        errors: Error texts by request id; those of the rows are taken out.
    """

    def __init__(
        self, notes: MutableMapping[int, dict[str, object]], errors: MutableMapping[int, str]
    ) -> None:
        self._notes = notes
        self._errors = errors
        self._codes: dict[str, int] = {}

    def of(self, rows: Rows) -> Mapping[str, Any]:
        """Return the columns of `schema.SPOOLED_REQUESTS`."""
        columns: dict[str, Any] = {name: rows[name] for name in _REQUEST.names or ()}
        columns["status"] = (rows["status"], list(STATUSES))
        columns["error"] = self._error_column(rows)
        columns["batch_id"] = np.full(len(rows), -1, np.int64)
        columns["attributes"] = self._attribute_column(rows)
        return columns

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

    def _attribute_column(self, rows: Rows) -> list[str | None]:
        if not self._notes:
            return [None] * len(rows)
        taken = (self._notes.pop(request_id, None) for request_id in rows["request_id"].tolist())
        return [None if attributes is None else encode(attributes) for attributes in taken]
