"""Streams: when items of targets that yield came, by names that say how they are computed.

Every tool has its own idea of TTFT, TPOT and ITL, and numbers under one name differ by the first
item or by the wait before it. So a row here is named by its formula. With the instants of items
1 to n of a request:

    ttft_from_schedule   first - intended       what a user waits for the first item
    ttft_from_start      first - started        the same without the wait for a worker
    tpot_excl_first      (last - first) / (n - 1)   one value a request, of two items or more
    chunk_gap            item k - item (k - 1)  one value a gap, over all requests
    e2e_from_schedule    finished - intended    the latency of the run's headline
    e2e_from_start       finished - started

Source:
    MLPerf LoadGen takes `ttft_from_schedule` and calls `tpot_excl_first` TPOT, as vLLM does; AIPerf
    and GuideLLM call it ITL. vLLM's ITL, AIPerf's inter-chunk latency, is `chunk_gap`. GuideLLM's
    TPOT, which includes the first item, is none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from latprof.analysis.columns import int64s, words
from latprof.analysis.identity import NOWHERE, Places
from latprof.analysis.measured import load_measured
from latprof.analysis.quantiles import quantiles
from latprof.run.vocabulary import FIRST_ITEM, NEXT_ITEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["COLUMNS", "streaming", "streams"]

Int64s = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

_QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}

COLUMNS = (
    *("metric", "count", "requests", "mean"),
    *(name + end for name in _QUANTILES for end in ("", "_lo", "_hi")),
    "max",
)
"""Columns of the table that `streaming` returns."""


class _Items(NamedTuple):
    """The items of the measured requests that streamed.

    Attributes:
        streamed: Index of each request that streamed, shape `(m,)`, in arrival order.
        row: Index of the request of each item, shape `(n,)`; items of one stand together.
        instant_ns: When each came, shape `(n,)`, in order.
    """

    streamed: Indices
    row: Indices
    instant_ns: Int64s


class _Metric(NamedTuple):
    """Values of one metric in arrival order, shape `(n,)`.

    `sizes`, shape `(m,)`, says how many values each request has in turn; None for one each.
    """

    name: str
    values: Int64s
    sizes: Int64s | None = None


def streams(run: Run) -> bool:
    """Whether any request of a run yielded."""
    return FIRST_ITEM in run.stages


def streaming(run: Run) -> pd.DataFrame:
    """Return one row per metric of the streams of the steady, answered requests.

    Args:
        run: What was recorded, of a target that yields.

    Returns:
        Indexed by metric; see the module for the formulas. Times in ns (`attrs["unit"]`), the
        number of items in `attrs["items"]`:

        - `count` values from `requests` requests; a request with fewer than one item, for
          `tpot_excl_first` and `chunk_gap` than two, has none;
        - `mean`, `p50`, `p90`, `p95`, `p99` with the ends `_lo`, `_hi` of 95 % intervals (NaN
          where the effective sample cannot carry them), `max`. Gaps of one request resemble each
          other: for `chunk_gap` a request counts as one draw, so that ten thousand gaps of twenty
          requests are worth little more than twenty values where each has a pace of its own.

        Empty where no measured request yielded.
    """
    requests = load_measured(run)
    items = _items(run, requests)
    rows = [_row(metric) for metric in _metrics(requests, items)] if items.streamed.size else []
    kinds = dict.fromkeys(COLUMNS[1:], "float64") | dict.fromkeys(("count", "requests"), "int64")
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[row["metric"] for row in rows])
    frame = frame.astype({"metric": object, **kinds})
    frame.attrs |= {"unit": "ns", "items": int(items.row.size)}
    return frame


def _items(run: Run, requests: Requests) -> _Items:
    """Return the ends of all steps but the last of each request, which yielded nothing."""
    table = run.table("spans", ["request_id", "stage", "start_ns", "end_ns"])
    stage, names = words(table, "stage")
    is_step = np.isin(
        stage, [names.index(each) for each in (FIRST_ITEM, NEXT_ITEM) if each in names]
    )
    request, start, end = (
        int64s(table, name)[is_step] for name in ("request_id", "start_ns", "end_ns")
    )
    row = Places(requests.request_id).of(request)
    measured = row != NOWHERE
    row, start, end = row[measured], start[measured], end[measured]
    order = np.lexsort((end, start, row))
    row, end = row[order], end[order]
    is_item = np.zeros(row.size, np.bool_)
    is_item[:-1] = row[1:] == row[:-1]
    return _Items(np.unique(row), row[is_item], end[is_item])


def _metrics(requests: Requests, items: _Items) -> Iterator[_Metric]:
    row, instant = items.row, items.instant_ns
    first = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.append(first[1:], row.size)[: first.size] - 1
    began, gaps = row[first], last - first
    several = gaps > 0
    yield _Metric("ttft_from_schedule", instant[first] - requests.intended_ns[began])
    yield _Metric("ttft_from_start", instant[first] - requests.started_ns[began])
    after_first = (instant[last] - instant[first])[several]
    yield _Metric("tpot_excl_first", np.rint(after_first / gaps[several]).astype(np.int64))
    yield _Metric("chunk_gap", np.diff(instant)[row[1:] == row[:-1]], gaps[several])
    yield _Metric("e2e_from_schedule", requests.latency_ns[items.streamed])
    yield _Metric("e2e_from_start", requests.service_ns[items.streamed])


def _row(metric: _Metric) -> dict[str, object]:
    values = metric.values
    row: dict[str, object] = {
        "metric": metric.name,
        "count": values.size,
        "requests": values.size if metric.sizes is None else metric.sizes.size,
        "mean": values.mean() if values.size else np.nan,
        "max": values.max() if values.size else np.nan,
    }
    found = quantiles(values, list(_QUANTILES.values()), sizes=metric.sizes)
    for name, quantile in zip(_QUANTILES, found, strict=True):
        ends = {"": quantile.value_ns, "_lo": quantile.low_ns, "_hi": quantile.high_ns}
        row |= {name + end: np.nan if value is None else value for end, value in ends.items()}
    return row
