"""What crosses between processes: rows of arrays or of JSON, as plain files. Nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import RunFormatError, UsageError
from latprof.run.disk import refusals

__all__ = ["leaves", "read", "signature", "write"]

INDEX = "index.json"
DEEPEST = 16


def write(folder: Path, rows: Sequence[Any]) -> None:
    """Write rows to a new folder: `index.json`, and an `.npz` for each row that holds arrays.

    Args:
        folder: Made here.
        rows: Mappings of arrays, single arrays, or values that JSON knows.

    Raises:
        UsageError: A row is neither.
        StorageError: The disk refuses.
    """
    with refusals(folder):
        folder.mkdir(parents=True)
        index = [_write_row(folder / f"{at}.npz", at, row) for at, row in enumerate(rows)]
        (folder / INDEX).write_text(json.dumps(index))


def _write_row(path: Path, at: int, row: Any) -> dict[str, Any]:
    if isinstance(row, np.ndarray):
        np.savez(path, _plain(at, row))
        return {"kind": "array"}
    if isinstance(row, Mapping) and any(isinstance(each, np.ndarray) for each in row.values()):
        names = [str(name) for name in row]
        np.savez(path, *(_plain(at, np.asarray(each)) for each in row.values()))
        return {"kind": "arrays", "names": names}
    try:
        json.dumps(row)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"row {at} is {type(row).__name__}, which crosses to no other process: give numpy "
            "arrays, dicts of them, or what JSON knows; or give callables as arms"
        ) from error
    return {"kind": "json", "value": row}


def _plain(at: int, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of a type that a file holds without pickling."""
    if array.dtype.kind == "O" and all(isinstance(each, str) for each in array.flat):
        return array.astype(np.str_)
    if array.dtype.kind == "O":
        raise UsageError(f"row {at} holds an array of Python objects: give numbers or texts")
    return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16, float8


def read(folder: Path) -> list[Any]:
    """Return the rows of a folder, as `write` took them.

    Raises:
        RunFormatError: Something in it is not what `write` writes.
    """
    try:
        index = json.loads((folder / INDEX).read_text())
        return [_read_row(folder / f"{at}.npz", entry) for at, entry in enumerate(index)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError) as error:
        raise RunFormatError(folder, f"holds no rows: {error}") from error
    except Exception as error:  # zipfile and numpy raise their own kinds on damage
        raise RunFormatError(folder, f"is damaged: {error}") from error


def _read_row(path: Path, entry: Mapping[str, Any]) -> Any:
    if entry["kind"] == "json":
        return entry["value"]
    with np.load(path, allow_pickle=False) as arrays:
        loaded = [arrays[f"arr_{at}"] for at in range(len(arrays.files))]
    if entry["kind"] == "array":
        return loaded[0]
    return dict(zip(entry["names"], loaded, strict=True))


def signature(row: Any) -> tuple[Any, ...]:
    """Return types and shapes of a row: what a runtime prepares for at the first call."""
    if isinstance(row, np.ndarray):
        return (row.dtype.str, row.shape)
    if isinstance(row, Mapping):
        return tuple((str(name), signature(each)) for name, each in row.items())
    return (type(row).__name__,)


def leaves(output: Any) -> dict[str, NDArray[Any]]:
    """Return what a call returned as arrays by name, to be compared and kept.

    Mappings and sequences are walked; numbers of one shape become one array, tensors of any
    library that numpy can read become arrays.

    Raises:
        UsageError: Something in it is neither number, text, nor array.

    >>> leaves({"label": "good", "scores": [0.9, 0.1]})
    {'label': array('good', dtype='<U4'), 'scores': array([0.9, 0.1])}
    """
    found: dict[str, NDArray[Any]] = {}
    _walk(output, "", found, DEEPEST)
    return found


def _walk(value: Any, name: str, found: dict[str, NDArray[Any]], depth: int) -> None:
    items = _items(value) if depth else None
    if items is None:
        found[name or "output"] = _array(value, name or "output")
        return
    for key, each in items:
        _walk(each, f"{name}.{key}" if name else str(key), found, depth - 1)


def _items(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list | tuple) and not _is_table(value):
        return enumerate(value)
    return None


def _is_table(value: Sequence[Any]) -> bool:
    """Whether it is numbers or texts, perhaps in rows, that numpy makes one array of."""
    if any(hasattr(each, "__array__") for each in value):
        return False
    try:
        return np.asarray(value).dtype.kind in "biufU"
    except ValueError:  # rows of different lengths
        return False


def _array(value: Any, name: str) -> NDArray[Any]:
    detach = getattr(value, "detach", None)  # a tensor that remembers how it was made
    if callable(detach):
        value = detach().cpu()
        if not hasattr(value, "numpy"):
            raise UsageError(f"{name} is {type(value).__name__}, which numpy cannot read")
        value = value.float() if "bfloat16" in str(value.dtype) else value
    array = np.asarray(value)
    if array.dtype.kind == "O" and array.size and all(isinstance(e, str) for e in array.flat):
        array = array.astype(np.str_)
    if array.dtype.kind == "V":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biufUS":
        raise UsageError(
            f"the output {name} is {type(value).__name__}, which cannot be compared: return "
            "numbers, texts or arrays"
        )
    return array
