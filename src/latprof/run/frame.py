"""A table of a run as a pandas DataFrame that costs few bytes a row.

| column | dtype |
|---|---|
| words and text | category |
| whole numbers that are always there | int64, int32 |
| whole numbers that may be null | Int64; Int8 where all are null, which costs 2 bytes, not 9 |
| flags | boolean |
| other numbers | float64 |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from latprof.run import parquet
from latprof.run.schema import ALL

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load"]


def load(source: Path) -> pd.DataFrame:
    """Return the table in a file; column by column, so that only one is held twice at a time.

    Raises:
        RunFormatError: The file has changed since it was checked.
    """
    schema = ALL[source.stem]
    required = {field.name for field in schema if not field.nullable}
    columns = {
        name: _column(parquet.load(source, [name])[name], required=name in required)
        for name in parquet.columns(source)
    }
    return pd.DataFrame(columns, copy=False)


def _column(values: pa.ChunkedArray, *, required: bool) -> object:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _words(values)
    if pa.types.is_floating(kind) or required:
        return values.to_numpy()
    mask = values.is_null().to_numpy()
    if pa.types.is_boolean(kind):
        return pd.arrays.BooleanArray(values.fill_null(pa.scalar(value=False)).to_numpy(), mask)
    if len(mask) and mask.all():
        return pd.arrays.IntegerArray(np.zeros(len(mask), np.int8), mask)
    return pd.arrays.IntegerArray(values.fill_null(0).to_numpy(), mask)


def _words(values: pa.ChunkedArray) -> pd.Categorical:
    """Return words as codes, over one dictionary in the place of those of the parts."""
    known: dict[str, int] = {}
    codes = [np.empty(0, np.int32)]
    for chunk in values.chunks:
        words = chunk.dictionary.to_pylist()
        places = np.array([known.setdefault(word, len(known)) for word in words] + [-1], np.int32)
        codes.append(places[chunk.indices.fill_null(-1).to_numpy()])
    return pd.Categorical.from_codes(np.concatenate(codes), pd.Index(list(known), dtype=object))
