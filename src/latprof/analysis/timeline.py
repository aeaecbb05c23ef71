"""How a run went over time: rate, latency, errors and requests in the system, bin by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from latprof.analysis.measured import load_requests
from latprof.analysis.quantiles import quantiles
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["COLUMNS", "bin_requests", "mean_inside", "timeline"]

Int64s = npt.NDArray[np.int64]

_QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99}
_MOST_BINS = 100_000  # a picture has a few thousand points; more are a slip of the unit

COLUMNS = ("time_s", "requests", "rate", "errors", "in_flight", *_QUANTILES, "max")
"""Columns of the table that `timeline` returns."""


def timeline(run: Run, every: str | float = "1s") -> pd.DataFrame:
    """Return one row per interval of a run, all requests and phases included.

    Args:
        run: What was recorded.
        every: Length of an interval: "500ms", "1s", "2min", or a number of seconds.

    Returns:
        By number of the bin; requests belong to the bin of their intended instant:

        - `time_s`: where the bin begins, from the first intended instant;
        - `requests` that arrived, `rate` of them per second, `errors`: how many of them failed;
        - `in_flight`: how many were in the system, waiting or served, averaged over the bin;
        - `p50`, `p90`, `p99`, `max` of response time in ns over those that were answered; NaN
          where the bin has too few to carry it.

        Empty for a run without requests.

    Raises:
        UsageError: `every` is not a length of time, or cuts the run into more than 100 000 bins.
    """
    return bin_requests(load_requests(run), _nanoseconds(every))


def _nanoseconds(every: str | float) -> int:
    try:
        length = pd.Timedelta(every) if isinstance(every, str) else pd.Timedelta(seconds=every)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f'every is {every!r}: give a length of time such as "1s"') from error
    if pd.isna(length) or length.value <= 0:
        raise UsageError(f'every is {every!r}: give a length of time above 0, such as "1s"')
    return int(length.value)


def bin_requests(requests: Requests, every_ns: int) -> pd.DataFrame:
    """Return the table of `timeline`; see there."""
    if not requests.request_id.size:
        return pd.DataFrame(columns=list(COLUMNS), dtype="float64")
    origin = int(requests.intended_ns[0])
    bins = (int(requests.finished_ns.max()) - origin) // every_ns + 1
    if bins > _MOST_BINS:
        raise UsageError(f"every cuts the run into {bins:,} bins: give a longer time")
    edges = origin + every_ns * np.arange(bins + 1)
    firsts = np.searchsorted(requests.intended_ns, edges)
    failed = np.concatenate(([0], np.cumsum(~requests.ok)))
    arrived = np.diff(firsts)
    seconds = every_ns / 1e9
    frame = pd.DataFrame(
        {
            "time_s": seconds * np.arange(bins),
            "requests": arrived,
            "rate": arrived / seconds,
            "errors": np.diff(failed[firsts]),
            "in_flight": mean_inside(requests.intended_ns, requests.finished_ns, edges),
        }
    )
    answered = np.flatnonzero(requests.ok)
    latencies = np.split(requests.latency_ns[answered], np.searchsorted(answered, firsts[1:-1]))
    rows = [_latencies(values) for values in latencies]
    frame[[*_QUANTILES, "max"]] = np.array(rows, dtype=np.float64)
    frame.attrs["unit"] = "ns"
    return frame


def _latencies(values: Int64s) -> list[float]:
    found = [each.value_ns for each in quantiles(values, tuple(_QUANTILES.values()))]
    largest = float(values.max()) if values.size else np.nan
    return [*(np.nan if value is None else float(value) for value in found), largest]


def mean_inside(entered: Int64s, left: Int64s, edges: Int64s) -> npt.NDArray[np.float64]:
    """Return how many were inside between consecutive edges, averaged over time.

    Time inside up to an instant t is the sum of `t - entered` over those who have entered, less
    that of `t - left` over those who have left.

    Args:
        entered: When each entered, shape `(n,)`.
        left: When each left.
        edges: Ascending instants, shape `(k + 1,)`.

    Returns:
        Shape `(k,)`.

    >>> import numpy as np
    >>> mean_inside(np.array([0, 5]), np.array([10, 10]), np.array([0, 10, 20]))
    array([1.5, 0. ])
    """
    inside = _time_since(entered, edges) - _time_since(left, edges)
    return np.diff(inside) / np.diff(edges)


def _time_since(instants: Int64s, edges: Int64s) -> npt.NDArray[np.float64]:
    """Return the sum of `edge - instant` over the instants before each edge."""
    ordered = np.sort(instants) - edges[0]
    sums = np.concatenate(([0.0], np.cumsum(ordered, dtype=np.float64)))
    before = np.searchsorted(ordered, edges - edges[0])
    since: npt.NDArray[np.float64] = before * (edges - edges[0]) - sums[before]
    return since
