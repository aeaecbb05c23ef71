"""Inputs from a file: lines of text, JSON, JSON lines, or a column of CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_inputs"]

_NAMED = 8  # columns; a table with more is better looked at in its file


def read_inputs(place: str) -> list[Any]:
    """Return the inputs that a file holds, in its order. The ending tells the format.

    Args:
        place: `FILE.txt`: each line that is not blank is an input. `FILE.json`: an array.
            `FILE.jsonl`: a JSON value a line. `FILE.csv:COLUMN`: the texts of one column; the
            column may be left out where it is the only one.

    Raises:
        UsageError: The file cannot be read, is not what its ending says, or holds no input.
    """
    path, column = _parted(place)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        endings = ", ".join(_READERS)
        raise UsageError(f"--inputs {place}: inputs come from a file ending in {endings}")
    rows = reader(path, _text(path), column)
    if not rows:
        raise UsageError(f"{path} holds no input")
    return rows


def _parted(place: str) -> tuple[Path, str | None]:
    """Part `FILE.csv:COLUMN`; a colon anywhere else belongs to the path."""
    path, colon, column = place.rpartition(":")
    if colon and path.lower().endswith(".csv"):
        return Path(path), column
    return Path(place), None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not UTF-8 text: convert it first") from error


def _lines(_path: Path, text: str, _column: str | None) -> list[Any]:
    return [line for line in text.split("\n") if line.strip()]


def _array(path: Path, text: str, _column: str | None) -> list[Any]:
    value = _parsed(path, text, 1)
    if not isinstance(value, list):
        raise UsageError(f"{path} holds one JSON {_kind(value)}: put the inputs into an array, [ ]")
    return value


def _json_lines(path: Path, text: str, _column: str | None) -> list[Any]:
    numbered = enumerate(text.split("\n"), start=1)
    return [_parsed(path, line, number) for number, line in numbered if line.strip()]


def _parsed(path: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise UsageError(f"{path}, line {at}: {error.msg}: this is not JSON") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}, line {line}: {error}") from error


def _kind(value: Any) -> str:
    return "object" if isinstance(value, dict) else type(value).__name__


def _csv_column(path: Path, text: str, column: str | None) -> list[Any]:
    head, *rows = _table(path, text) or [[]]
    if not head:
        raise UsageError(f"{path} has no head line to name its columns")
    at = head.index(_chosen(path, head, column))
    short = next((number for number, row in enumerate(rows, 2) if row and len(row) <= at), None)
    if short is not None:
        raise UsageError(f"{path}, row {short} has no column {head[at]}")
    return [row[at] for row in rows if row]


def _table(path: Path, text: str) -> list[list[str]]:
    limit = csv.field_size_limit(max(len(text), 1))  # the default refuses texts over 128 KiB
    try:
        return list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _chosen(path: Path, head: list[str], column: str | None) -> str:
    if column in head:
        return str(column)
    if column is None and len(head) == 1:
        return head[0]
    names = ", ".join(head[:_NAMED]) + (", …" if len(head) > _NAMED else "")
    missing = "" if column is None else f"no column {column}, only "
    raise UsageError(f"{path} has {missing}{names}: choose one, as in {path.name}:{head[0]}")


_READERS: dict[str, Callable[[Path, str, str | None], list[Any]]] = {
    ".txt": _lines,
    ".json": _array,
    ".jsonl": _json_lines,
    ".csv": _csv_column,
}
