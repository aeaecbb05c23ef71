"""The tables of a run as Parquet files: how their columns are packed, and how they are read.

Files are compared with the digest in run.json before they are decoded, so that damage by accident
never reaches the decoder. What was written on purpose by somebody else still meets checks of its
columns, of the sizes it claims, and of every value (`validation`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from latprof.errors import RunFormatError, UsageError
from latprof.run.columns import LIMIT, TYPES
from latprof.run.disk import replacing, require_regular, unreadable
from latprof.run.schema import ADDED, ALL, ATTRIBUTE_PREFIX
from latprof.run.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["ROW_GROUP", "batches", "check", "columns", "digest", "load", "path", "write"]

# Half a million spans take 45 MB in memory, and pack as well as a whole file would.
ROW_GROUP = 1 << 19

# Real rows take bytes: their instants differ. Up to this many are believed of a file of any size,
# beyond it a row must take a byte, so that a small file cannot claim to fill all memory.
_FREE_ROWS = 1 << 24

_BATCH_ROWS = 1 << 17

# Durations have no order for deltas to use: as plain numbers zstd packs them 15 % smaller.
_DURATIONS = {"cpu_ns", "runqueue_ns", "device_ns", "issue_ns"}


def path(folder: Path, name: str) -> Path:
    """Return where the table `name` of the run in `folder` lies."""
    return folder / f"{name}.parquet"


def write(target: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write `tables`, a row group each, in the place of `target`; return the number of rows.

    Raises:
        StorageError: The disk refuses.
    """
    rows = 0
    with replacing(target) as file, pq.ParquetWriter(file, schema, **_packing(schema)) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            rows += table.num_rows
        if rows == 0:  # older versions of pyarrow cannot read a file without a row group
            writer.write_table(schema.empty_table())
    return rows


def _packing(schema: pa.Schema) -> dict[str, Any]:
    integers = {field.name for field in schema if pa.types.is_integer(field.type)}
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in integers],
        "column_encoding": dict.fromkeys(integers - _DURATIONS, "DELTA_BINARY_PACKED"),
    }


def digest(source: Path) -> dict[str, Any]:
    """Return what run.json says of a file: its size and SHA-256.

    Raises:
        RunFormatError: It is missing or cannot be read.
    """
    size = require_regular(source)
    try:
        with source.open("rb") as file:
            return {"bytes": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise RunFormatError(source, unreadable(error)) from error


def check(source: Path, name: str) -> None:
    """Check the columns and the claimed sizes of a file, without reading rows.

    Raises:
        RunFormatError: Something is not as latprof writes it.
    """
    size = require_regular(source)
    with _open(source) as file:
        if file.metadata.num_rows > max(_FREE_ROWS, size):
            raise RunFormatError(
                source, f"claims {file.metadata.num_rows} rows, more than its {size} bytes can hold"
            )
        _check_columns(source, ALL[name], file.schema_arrow)


def _check_columns(source: Path, expected: pa.Schema, found: pa.Schema) -> None:
    if not ADDED & {*found.names}:
        expected = pa.schema([field for field in expected if field.name not in ADDED])
    own = found.names[: len(expected)]
    if own != expected.names:
        raise RunFormatError(source, f"must have the columns {', '.join(expected.names)}")
    types = zip(expected, found, strict=False)
    wrong = [field.name for field, other in types if field.type != other.type]
    if wrong:
        raise RunFormatError(source, f"has another type of column {', '.join(wrong)}")
    _check_attributes(source, list(found)[len(expected) :])


def _check_attributes(source: Path, fields: Sequence[pa.Field]) -> None:
    if fields and source.stem != "requests":
        raise RunFormatError(source, "has more columns than latprof writes")
    if len(fields) > LIMIT:
        raise RunFormatError(source, f"has more than {LIMIT} attributes")
    names = {field.name for field in fields if field.name.startswith(ATTRIBUTE_PREFIX)}
    if len(names) < len(fields):
        raise RunFormatError(
            source, f"has columns that are not {ATTRIBUTE_PREFIX}NAME, or two alike"
        )
    if any(field.type not in TYPES for field in fields):
        raise RunFormatError(source, "has an attribute of a type that latprof does not write")


def columns(source: Path) -> list[str]:
    """Return the names of the columns of a file, with those that were added since.

    Raises:
        RunFormatError: The file has changed since it was checked.
    """
    with _open(source) as file:
        return _known(source, file.schema_arrow.names)


def batches(source: Path) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a file, decoded and sound, in batches.

    Raises:
        RunFormatError: They cannot be decoded.
    """
    with _open(source) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            batch.validate(full=True)
            yield batch


def load(source: Path, names: Sequence[str] | None = None) -> pa.Table:
    """Return a table, or the columns `names` of it in that order.

    Raises:
        UsageError: There is no such column.
        RunFormatError: The file has changed since it was checked.
    """
    with _open(source) as file:
        known = _known(source, file.schema_arrow.names)
        names = known if names is None else list(names)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(f"no column {unknown[0]!r} in {source.stem}: has {', '.join(known)}")
        # A name that ends at a dot of another one selects that too.
        stored = [name for name in names if name in file.schema_arrow.names]
        table = _unified(file.read(columns=stored).select(stored))
        if stored == names:
            return table
        rows = file.metadata.num_rows
    absent = {n: pa.nulls(rows, ALL[source.stem].field(n).type) for n in names if n in ADDED}
    return pa.table({name: table[name] if name in stored else absent[name] for name in names})


def _known(source: Path, stored: Sequence[str]) -> list[str]:
    """Return the columns of a table in their order: those of its file, and those added since."""
    own = ALL[source.stem].names
    attributes = [name for name in stored if name not in own]
    return [*(name for name in own if name in stored or name in ADDED), *attributes]


def _unified(table: pa.Table) -> pa.Table:
    """Give each column of words one dictionary; texts of attributes may be too large for one."""
    for index, name in enumerate(table.column_names):
        if not name.startswith(ATTRIBUTE_PREFIX):
            table = table.set_column(index, name, table.column(index).unify_dictionaries())
    return table


@contextlib.contextmanager
def _open(source: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; whatever reading it says becomes a `RunFormatError`."""
    require_regular(source)
    try:
        # Arrow's own file: its threads give the buffers of a Python file back when they like, and
        # one that does so while the interpreter ends takes the process down.
        with pa.OSFile(os.fsencode(source)) as file, pq.ParquetFile(file) as parquet:
            yield parquet
    except (RunFormatError, UsageError):
        raise
    except Exception as error:  # what decoders say to bad bytes is no closed list
        reason = f"is no Parquet that latprof wrote: {one_line(error)}"
        raise RunFormatError(source, reason) from error
