"""Traces: recorded arrivals, from a file or as numbers, checked row by row."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from latprof.load.arrivals import Offsets

__all__ = ["INPUT", "TIMESTAMP", "Trace", "read_trace", "trace_of"]

TIMESTAMP, INPUT = "timestamp", "input"
"""The columns with a meaning; all others are attributes of the requests."""

_LATEST_S = 9e9
"""The year 2255 since 1970: the last whole ones that int64 nanoseconds hold."""
_ACCEPTED = "a timestamp is seconds, from 0 to 9e9, or an ISO date and time"
_NAMED = 8


@dataclass(frozen=True)
class Trace:
    """Arrivals as somebody recorded them.

    Args:
        offsets: When each request arrived, in ns after the first, in order.
        inputs: Which input each request took; None where the trace does not say.
        attributes: What else is known of each request, by name.
        out_of_order: How many rows had a timestamp before that of the row above.
    """

    offsets: Offsets
    inputs: NDArray[np.int64] | None = None
    attributes: Mapping[str, Sequence[object]] = field(default_factory=dict)
    out_of_order: int = 0


def trace_of(timestamps: Iterable[object]) -> Trace:
    """Return the trace that numbers make.

    Args:
        timestamps: Seconds, or ISO dates and times; only their distances count. Out of order they
            are sorted.

    Raises:
        UsageError: One is negative or no time, or there is none; the message says which.

    >>> trace_of([10, 10.5, 12]).offsets
    array([         0,  500000000, 2000000000])
    """
    return _made({TIMESTAMP: list(timestamps)}, "Replay(timestamps=)", "item {}".format)


def read_trace(path: Path | str) -> Trace:
    """Return the trace in a CSV or Parquet file, sorted by time.

    Logs are often written when a request ends: rows out of order are common there and no fault.

    Args:
        path: It has a column `timestamp`: seconds, or ISO dates and times (UTC where they name no
            zone); perhaps `input`, the index of the input of each request; all other columns
            become attributes of the requests.

    Raises:
        UsageError: The file cannot be read, or holds what is no trace; the message names the row.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: a trace is a file ending in {' or '.join(_READERS)}")
    columns, row = reader(path)
    if TIMESTAMP not in columns:
        names = ", ".join([*columns][:_NAMED]) + (", …" if len(columns) > _NAMED else "")
        raise UsageError(f"{path} has no column {TIMESTAMP}, only {names or 'none at all'}")
    return _made(columns, str(path), row)


_Place = Callable[[int], str]


def _made(columns: Mapping[str, Sequence[Any]], source: str, place: _Place) -> Trace:
    cells = columns[TIMESTAMP]
    if not len(cells):
        raise UsageError(f"{source} holds no request: a trace has at least one row")
    instants_ns = np.array([_instant_ns(cell) for cell in cells], np.int64)
    wrong = np.flatnonzero(instants_ns < 0)
    if wrong.size:
        at = int(wrong[0])
        raise UsageError(f"{source}, {place(at)}: {_ACCEPTED}, not {cells[at]!r}")
    inputs = _indices(columns[INPUT], source, place) if INPUT in columns else None
    order = np.argsort(instants_ns, kind="stable")
    named = {name: cells for name, cells in columns.items() if name not in (TIMESTAMP, INPUT)}
    return Trace(
        offsets=instants_ns[order] - instants_ns[order[0]],
        inputs=None if inputs is None else inputs[order],
        attributes={name: [cells[at] for at in order] for name, cells in named.items()},
        out_of_order=int((np.diff(instants_ns) < 0).sum()),
    )


def _instant_ns(cell: Any) -> int:
    """Return the instant in ns since an origin of the trace's own; -1 for what is none."""
    if isinstance(cell, str):
        cell = _parsed(cell)
    if isinstance(cell, datetime):
        return _since_1970_ns(cell)
    try:
        seconds = math.nan if cell is None or isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return -1
    return round(seconds * 1e9) if 0 <= seconds <= _LATEST_S else -1


def _parsed(text: str) -> object:
    for parse in (float, datetime.fromisoformat):
        try:
            return parse(text.strip())
        except ValueError:
            continue
    return None


def _since_1970_ns(instant: datetime) -> int:
    """Return ns since 1970, exact to what a datetime can hold; pandas' nanoseconds too."""
    if instant != instant:  # what pandas has for a missing date
        return -1
    whole = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    passed = whole - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = passed.days * 86_400 + passed.seconds
    if not 0 <= seconds <= _LATEST_S:
        return -1
    return seconds * 10**9 + passed.microseconds * 1000 + getattr(passed, "nanoseconds", 0)


def _indices(cells: Sequence[Any], source: str, place: _Place) -> NDArray[np.int64]:
    found = np.array([_index(cell) for cell in cells], np.int64)
    wrong = np.flatnonzero(found < 0)
    if wrong.size:
        at = int(wrong[0])
        raise UsageError(
            f"{source}, {place(at)}: {INPUT} is the index of an input, from 0, not {cells[at]!r}"
        )
    return found


def _index(cell: Any) -> int:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return -1
    return int(number) if 0 <= number < 2**53 and number.is_integer() else -1


def _csv_columns(path: Path) -> tuple[dict[str, Sequence[Any]], _Place]:
    """Return the columns of a CSV file, numbers as numbers, and how it counts its rows."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *numbered = _csv_rows(path, csv.reader(file, strict=True)) or [(1, [])]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: convert it first") from error
    except csv.Error as error:
        raise UsageError(f"{path} is not CSV: {error}") from error
    names = head[1]
    if len(set(names)) < len(names):
        raise UsageError(f"{path} names a column twice: {', '.join(names[:_NAMED])}")
    texts = zip(*(row for _, row in numbered), strict=True)
    columns = dict(zip(names, texts, strict=True)) if numbered else dict.fromkeys(names, ())
    numbers = [number for number, _ in numbered]
    typed = {name: _typed(cells) for name, cells in columns.items() if name != TIMESTAMP}
    return {**columns, **typed}, lambda at: f"row {numbers[at]}"


def _csv_rows(path: Path, reader: Iterator[list[str]]) -> list[tuple[int, list[str]]]:
    rows = [(number, row) for number, row in enumerate(reader, 1) if row]
    ragged = next((number for number, row in rows if len(row) != len(rows[0][1])), None)
    if ragged is not None:
        raise UsageError(f"{path}, row {ragged} has not as many cells as the head line")
    return rows


def _typed(texts: Sequence[str]) -> Sequence[object]:
    """Return whole numbers or numbers where all that is not empty is one, else the texts."""
    for kind in (int, float):
        try:
            return [kind(text) if text else None for text in texts]
        except ValueError:
            continue
    return [text or None for text in texts]


def _parquet_columns(path: Path) -> tuple[dict[str, Sequence[Any]], _Place]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UsageError(f"{path} cannot be read as Parquet: {lines[0]}") from error
    columns = {name: _cells(table[name]) for name in table.column_names}
    return columns, lambda at: f"row {at + 1}"


def _cells(column: pa.ChunkedArray) -> Sequence[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    return list(column.to_pylist())


_READERS: dict[str, Callable[[Path], tuple[dict[str, Sequence[Any]], _Place]]] = {
    ".csv": _csv_columns,
    ".parquet": _parquet_columns,
}
