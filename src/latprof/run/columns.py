"""Attributes as typed columns: from the JSON text of each request to one column per name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from latprof.run.schema import ATTRIBUTE_PREFIX
from latprof.run.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LIMIT", "REST", "TYPES", "AttributeColumns"]

# A name per request, as from an id used for a name, would make a table of mostly empty columns.
_NAMES = 256
REST = "…"
LIMIT = _NAMES + 1

_WORD = pa.dictionary(pa.int32(), pa.string())
_INT64 = range(-(2**63), 2**63)
_TYPE_OF = {
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}

TYPES = (*dict.fromkeys(_TYPE_OF.values()), _WORD)

Row = dict[str, Any]


class AttributeColumns:
    """The columns into which the attributes of a run go: names and types over all its requests.

    A name that always holds flags becomes a bool column, whole numbers int64, numbers of both kinds
    float64. Everything else becomes text: a string as it is, other values, and whole numbers beyond
    int64, as JSON spells them. Names beyond the first 256 share the column `…`, as a JSON object.

    Args:
        groups: JSON texts of all requests, in parts.

    Raises:
        ValueError: A text is not a JSON object.
    """

    def __init__(self, groups: Iterable[pa.ChunkedArray]) -> None:
        kinds: dict[str, set[type]] = {}
        for group in groups:
            for row in _rows(_unique(group).dictionary):
                for name, value in row.items():
                    kinds.setdefault(name, set()).update(_kind(value))
        kept = [name for name in kinds if name != REST][:_NAMES]
        self._types = {name: _TYPE_OF.get(frozenset(kinds[name]), _WORD) for name in kept}
        if len(kinds) > len(kept):
            self._types[REST] = _WORD

    @property
    def fields(self) -> list[pa.Field]:
        """The columns, by their names in the table."""
        return [pa.field(f"{ATTRIBUTE_PREFIX}{name}", kind) for name, kind in self._types.items()]

    def of(self, group: pa.ChunkedArray) -> list[pa.Array]:
        """Return the columns of one part, in the order of `fields`."""
        texts = _unique(group)
        rows = [self._folded(row) for row in _rows(texts.dictionary)]
        return [_column(rows, name, kind).take(texts.indices) for name, kind in self._types.items()]

    def _folded(self, row: Row) -> Row:
        """Return a row with the names that have no column of their own in the shared one."""
        rest = {name: value for name, value in row.items() if self._is_rest(name)}
        if not rest:
            return row
        return {name: row[name] for name in row.keys() - rest.keys()} | {REST: rest}

    def _is_rest(self, name: str) -> bool:
        return name == REST or name not in self._types


def _unique(group: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return texts as codes into the different ones: most requests look like others."""
    return group.combine_chunks().dictionary_encode()


def _rows(texts: pa.Array) -> Iterable[Row]:
    return map(_row, texts.to_pylist())


def _row(text: str) -> Row:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"has attributes that are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("has attributes that are not an object")  # noqa: TRY004 - a file's fault
    return {storable(name): item for name, item in value.items()}


def _kind(value: object) -> set[type]:
    if value is None:
        return set()
    if type(value) is int and value not in _INT64:
        return {object}
    return {type(value)}


def _column(rows: list[Row], name: str, kind: pa.DataType) -> pa.Array:
    values = (row.get(name) for row in rows)
    if kind == _WORD:
        return pa.array(map(_spelled, values), pa.string()).dictionary_encode()
    if kind == pa.float64():
        values = (None if value is None else float(value) for value in values)
    return pa.array(values, kind)


def _spelled(value: object) -> str | None:
    if value is None:
        return None
    return storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
