"""Rooflines: how near each operator comes to what the machine can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latprof.analysis.ops.work import operations
from latprof.clock import SYSTEM_CLOCK
from latprof.errors import UsageError

__all__ = ["Ceilings", "measure_ceilings", "roofline"]

_GEMM_SIZE = 1024
_COPY_BYTES = 64 << 20  # larger than the caches of most machines
_REPEATS = 8
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a device can do at most.

    Attributes:
        flops_per_s: Floating-point operations per second, a multiply-add counted as two.
        bytes_per_s: Bytes read and written per second.

    >>> Ceilings(flops_per_s=312e12, bytes_per_s=2e12).ridge
    156.0
    """

    flops_per_s: float
    bytes_per_s: float

    def __post_init__(self) -> None:
        if not (self.flops_per_s > 0 and self.bytes_per_s > 0):
            raise UsageError(f"a ceiling must be above 0: {self}")

    @property
    def ridge(self) -> float:
        """Operations per byte from which on a device computes longer than it moves data."""
        return self.flops_per_s / self.bytes_per_s


def measure_ceilings() -> Ceilings:
    """Measure this machine's CPU by one product of float32 matrices and one copy, best of eight.

    Both run with the threads that numpy takes; a session with fewer has a lower roof.
    """
    left = np.full((_GEMM_SIZE, _GEMM_SIZE), 0.5, dtype=np.float32)
    result = np.empty_like(left)
    gemm_ns = _best_ns(lambda: np.matmul(left, left, out=result))
    source = np.ones(_COPY_BYTES, dtype=np.uint8)
    target = np.empty_like(source)
    copy_ns = _best_ns(lambda: np.copyto(target, source))
    operations_done, moved_bytes = 2 * _GEMM_SIZE**3, 2 * _COPY_BYTES
    return Ceilings(operations_done / gemm_ns * _NS_PER_S, moved_bytes / copy_ns * _NS_PER_S)


def _best_ns(work: Callable[[], object]) -> int:
    times = []
    for _ in range(_REPEATS):
        start = SYSTEM_CLOCK.now_ns()
        work()
        times.append(SYSTEM_CLOCK.now_ns() - start)
    return max(min(times), 1)


def roofline(table: pd.DataFrame, ceilings: Ceilings) -> pd.DataFrame:
    """Set the operators of a table against the ceilings of the device that ran them.

    Args:
        table: Of `read_ops`, with times.
        ceilings: Of that device: `measure_ceilings()` for a profile taken on this machine's CPU,
            the data sheet's or measured figures for another.

    Returns:
        The operators whose operations are known: `name`, `op_type`, `time_ns`, `flops` and `bytes`
        in one run, `intensity` (operations per byte), `flops_per_s` and `bytes_per_s` achieved,
        `bound` ("memory" or "compute", by the intensity), `roof_ns` (the least time that the
        ceilings allow) and `efficiency` (`roof_ns / time_ns`; above 1 the data came from a cache,
        or the ceilings are of another device). Missing where bytes or time are.

    Raises:
        UsageError: It is not a table of `read_ops`.

    Source:
        Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009.
    """
    if not {"op_type", "time_ns", "bytes", "count", "inputs", "outputs"} <= set(table.columns):
        raise UsageError("roofline takes a table of read_ops: this one lacks its columns")
    each = pd.Series(_operations(table), table.index, dtype="Float64")
    result = table.loc[each.notna(), ["name", "op_type", "time_ns"]].copy()
    executions = table["count"] / max(table.attrs.get("runs", 1), 1)
    time_s = result["time_ns"].astype("float64").replace(0, np.nan) / _NS_PER_S
    result["flops"] = (each * executions)[result.index].astype("float64")
    result["bytes"] = (table["bytes"] * executions)[result.index].astype("float64")
    result["intensity"] = result["flops"] / result["bytes"].replace(0, np.nan)
    result["flops_per_s"] = result["flops"] / time_s
    result["bytes_per_s"] = result["bytes"] / time_s
    compute = (result["intensity"] >= ceilings.ridge).map({True: "compute", False: "memory"})
    result["bound"] = compute.astype("object").where(result["intensity"].notna(), None)
    roof_s = np.maximum(
        result["flops"] / ceilings.flops_per_s, result["bytes"] / ceilings.bytes_per_s
    )
    result["roof_ns"] = roof_s * _NS_PER_S
    result["efficiency"] = roof_s / time_s
    result.attrs = {"ceilings": ceilings, "unit": "ns"}
    return result.reset_index(drop=True)


def _operations(table: pd.DataFrame) -> list[float | None]:
    counts = [operations(row) for _, row in table.iterrows()]
    return [None if count is None else float(count) for count in counts]
