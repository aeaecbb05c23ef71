"""Where the time of the measured requests went: stages, queue and untracked add up to the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from latprof.analysis.blocks import load_spans, load_spans_by_themselves
from latprof.analysis.devicetime import device_times
from latprof.analysis.measured import load_requests
from latprof.analysis.parts import parts_of_requests, parts_of_spans
from latprof.analysis.quantiles import quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latprof.analysis.devicetime import DeviceTime
    from latprof.analysis.measured import Requests
    from latprof.analysis.parts import Part
    from latprof.run.model import Quantile, Run

__all__ = ["COLUMNS", "breakdown", "breakdown_of"]

_QUANTILES = (0.50, 0.90, 0.95, 0.99)
_NAMES = tuple(f"p{100 * q:.0f}" for q in _QUANTILES)

COLUMNS = (
    *("stage", "count", "requests", "sum", "mean"),
    *(name + end for name in _NAMES for end in ("", "_lo", "_hi")),
    *("max", "inclusive_mean", "share", "cpu_share", "runqueue_share", "blocked_share"),
    *("device_mean", "issue_mean"),
)
"""Columns of the table that `breakdown` returns."""


def breakdown(run: Run) -> pd.DataFrame:
    """Return one row per stage: where the time of the steady, answered requests went.

    Each instant of a request belongs to the innermost open span, where spans run side by side to
    the one that began last; the steps of a stream own what no other span covers. What no span
    covers is `untracked`, what lies before the start is `queue` (with the spans of a stage of that
    name, the wait inside a server).

    Args:
        run: What was recorded.

    Returns:
        Indexed by stage; queue, the stages in the order in which they usually begin, untracked,
        total. Times in ns (`attrs["unit"]`):

        - `count` spans, `requests` that ran the stage, `sum` of self time: without the total, the
          sums add up to the total's exactly;
        - over the requests that ran the stage, of self time per request: `mean`, `p50`, `p90`,
          `p95`, `p99` with the ends `_lo`, `_hi` of 95 % intervals (NaN where the effective
          sample cannot carry them), `max`;
        - `inclusive_mean`: time with the stage open, once where it runs inside or beside itself;
        - `share` of the total; `cpu_share`, `runqueue_share`, `blocked_share` of the wall time of
          the stage's own threads, NaN where unknown;
        - `device_mean`, what a device did for the stage, and `issue_mean`, what the host took to
          issue that: per request as `mean`, NaN where no device was timed.

        Without a measured request the table is empty; in a run that never had any request, rows
        are per stage over spans, `requests` is 0 and there is no queue, untracked or total.
    """
    return breakdown_of(run, load_requests(run))


def breakdown_of(run: Run, requests: Requests) -> pd.DataFrame:
    """Return the `breakdown` of a run whose requests are loaded already."""
    if not requests.request_id.size:
        return _by_span(run)
    measured = requests.pick(requests.ok & requests.steady)
    if not measured.request_id.size:
        return _table([], 0, {})
    parts = parts_of_requests(load_spans(run, measured), measured)
    devices = device_times(run, measured.request_id)
    return _table(parts, int(measured.latency_ns.sum()), devices)


def _by_span(run: Run) -> pd.DataFrame:
    parts = parts_of_spans(load_spans_by_themselves(run))
    return _table(parts, sum(int(part.values.sum()) for part in parts), device_times(run))


def _table(parts: list[Part], total_ns: int, devices: Mapping[str, DeviceTime]) -> pd.DataFrame:
    rows = [_row(part, total_ns) | _device_cells(part, devices) for part in parts]
    whole = ("count", "requests", "sum", "max")
    kinds = dict.fromkeys(COLUMNS[1:], "float64") | dict.fromkeys(whole, "int64")
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[part.stage for part in parts])
    frame = frame.astype({"stage": object, **kinds})
    frame.attrs["unit"] = "ns"
    return frame


def _row(part: Part, total_ns: int) -> dict[str, object]:
    n, sum_ns = part.values.size, int(part.values.sum())
    row: dict[str, object] = {
        "stage": part.stage,
        "count": part.spans,
        "requests": part.requests,
        "sum": sum_ns,
        "mean": sum_ns / n,
        "max": int(part.values.max()),
        "inclusive_mean": part.inclusive_ns / n,
        "share": sum_ns / total_ns if total_ns else np.nan,
        **{f"{name}_share": share for name, share in part.shares._asdict().items()},
    }
    for name, quantile in zip(_NAMES, quantiles(part.values, _QUANTILES), strict=True):
        row |= _cells(name, quantile)
    return row


def _device_cells(part: Part, devices: Mapping[str, DeviceTime]) -> dict[str, object]:
    spans, device_ns, issue_ns = devices.get(part.stage, (0, np.nan, np.nan))
    each = spans / part.values.size
    return {"device_mean": device_ns * each, "issue_mean": issue_ns * each}


def _cells(name: str, quantile: Quantile) -> dict[str, object]:
    ends = {"": quantile.value_ns, "_lo": quantile.low_ns, "_hi": quantile.high_ns}
    return {name + end: np.nan if value is None else float(value) for end, value in ends.items()}
