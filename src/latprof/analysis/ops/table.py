"""The table of operators: one row each, whatever file it came from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from latprof.analysis.ops.operator import Operator, Profile, Tensor

__all__ = ["COLUMNS", "build"]

_LARGEST_NS = 1 << 62
COLUMNS = (
    "name",
    "op_type",
    "time_ns",
    "share",
    "count",
    "shapes",
    "dtype",
    "bytes",
    "provider",
    "device",
    "kernel",
    "origins",
    "inputs",
    "outputs",
    "weights",
)


def build(profile: Profile, files: Iterable[Path] = ()) -> pd.DataFrame:
    """Return the table of a profile; `read_ops` describes columns and attributes."""
    operators = profile.operators
    columns = {
        "name": _words(operator.name for operator in operators),
        "op_type": _words(operator.op_type for operator in operators),
        "time_ns": _integers(_rounded(operator.time_ns) for operator in operators),
        "count": pd.Series([operator.count for operator in operators], dtype="int64"),
        "shapes": _words(_shapes(operator) for operator in operators),
        "dtype": _words(_dtype(operator) for operator in operators),
        "bytes": _integers(_bytes(operator) for operator in operators),
        "provider": _words(operator.provider for operator in operators),
        "device": _words(operator.device for operator in operators),
        "kernel": _words(operator.kernel for operator in operators),
        "origins": _words(operator.origins for operator in operators),
        "inputs": _words(operator.inputs for operator in operators),
        "outputs": _words(operator.outputs for operator in operators),
        "weights": _words(operator.weights for operator in operators),
    }
    table = pd.DataFrame(columns)
    table["share"] = _shares(table)
    table = table[list(COLUMNS)]
    table.attrs = _attributes(profile, files, table)
    return table


def _words(values: Iterable[object]) -> pd.Series:
    return pd.Series(list(values), dtype="object")


def _integers(values: Iterable[int | None]) -> pd.Series:
    return pd.Series(list(values), dtype="Int64")


def _rounded(time_ns: float | None) -> int | None:
    return None if time_ns is None else min(round(time_ns), _LARGEST_NS)


def _shares(table: pd.DataFrame) -> pd.Series:
    """Share each device's own total: host and device work side by side, their sum means nothing."""
    times = table["time_ns"].astype("float64")
    totals = times.groupby(table["device"].fillna("")).transform("sum")
    return (times / totals.where(totals > 0)).astype("float64")


def _shapes(operator: Operator) -> str | None:
    if not operator.inputs and not operator.outputs:
        return None
    sides = (operator.inputs, operator.outputs)
    texts = [", ".join(str(tensor) for tensor in side) for side in sides]
    return " → ".join(texts) if operator.outputs else texts[0]


def _dtype(operator: Operator) -> str | None:
    """Return what it computes in: the type it writes; of an operator without outputs, reads."""
    if operator.computes_in is not None:
        return operator.computes_in
    tensors = (*operator.outputs, *operator.inputs)
    return next((tensor.dtype for tensor in tensors if tensor.dtype), None)


def _bytes(operator: Operator) -> int | None:
    if operator.bytes is not None:
        return operator.bytes
    if not operator.outputs:  # half of the traffic is no traffic
        return None
    tensors: tuple[Tensor, ...] = (*operator.inputs, *operator.outputs, *operator.weights)
    sizes = [tensor.size_bytes for tensor in tensors]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _attributes(
    profile: Profile, files: Iterable[Path], table: pd.DataFrame
) -> dict[Hashable | None, Any]:
    run_ns = _rounded(profile.run_ns)
    return {
        "format": profile.format,
        "files": tuple(str(file) for file in files),
        "runs": profile.runs,
        "runs_seen": profile.runs_seen,
        "run_ns": run_ns,
        "mean_run_ns": _rounded(profile.mean_run_ns),
        "total_ns": sum(int(time_ns) for time_ns in table["time_ns"].dropna()),
        "notes": profile.notes,
        "unit": "ns",
    }
