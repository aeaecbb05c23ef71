"""How latency went over the time of a run: few enough points to draw, and running percentiles."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.measured import Requests
from latprof.units import count_text, counted_text, duration_text

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["RUNNING", "Percentile", "Windows", "finding", "running", "thinned"]

Floats = npt.NDArray[np.float64]

COLUMNS = 400  # of points across the picture: about one for two pixels
PER_COLUMN = 12  # points kept of a column: its extremes and what lies evenly between them
_MOST_WINDOWS = 60
_COURSES = {
    "flat": "steady from the start",
    "warm-up": "steady after warming up",
    "slowdown": "it slows down on the way",
    "trend": "it drifts all along",
    "no steady state": "it never settles",
    "too short": "too few requests to see a drift",
}


class Percentile(NamedTuple):
    """A percentile of consecutive windows.

    Attributes:
        name: As people call it.
        q: Between 0 and 1.
        fewest: Requests in a window.
    """

    name: str
    q: float
    fewest: int


RUNNING = (Percentile("median", 0.5, 20), Percentile("p99", 0.99, 100))
"""Those that are drawn. The p99 of fewer than a hundred is just the slowest of them."""


class Windows(NamedTuple):
    """A percentile window by window: where on the axis, its value, and requests in each."""

    x: list[float]
    y: list[float]
    size: int


def finding(run: Run, requests: Requests) -> str:
    """Say whether requests failed, or else whether latency was steady."""
    total, failed = requests.ok.size, int((~requests.ok).sum())
    if not total:
        return "No request was recorded"
    if failed:
        return f"{count_text(failed)} of {counted_text(total, 'request')} failed"
    course = _COURSES[(run.manifest["steady"] or {}).get("class", "too short")]
    return f"Median latency {duration_text(float(np.median(requests.latency_ns)))}: {course}"


def thinned(x: Floats, y: Floats) -> npt.NDArray[np.intp]:
    """Return which points to draw, so that a million look as they would if all were drawn.

    The picture is cut into columns; of each, the extremes are kept and points at even ranks
    between them.

    Args:
        x: Along the axis, shape `(n,)`, ascending.
        y: Across it.

    Returns:
        Indices, at most `COLUMNS * PER_COLUMN`; all where there are no more than that.
    """
    if x.size <= COLUMNS * PER_COLUMN:
        return np.arange(x.size)
    column = ((x - x[0]) / (x[-1] - x[0] or 1.0) * (COLUMNS - 1)).astype(np.intp)
    order: npt.NDArray[np.intp] = np.lexsort((y, column))
    ends = np.cumsum(np.bincount(column, minlength=COLUMNS))
    starts = np.concatenate(([0], ends[:-1]))
    within = np.linspace(0, 1, PER_COLUMN)[None, :] * (ends - starts - 1)[:, None]
    ranks = (starts[:, None] + np.rint(within).astype(np.intp))[ends > starts]
    return np.asarray(order[np.unique(ranks)])


def running(x: Floats, y: Floats, percentile: Percentile) -> Windows | None:
    """Return a percentile of consecutive windows of equal counts; None where there are too few.

    Args:
        x: Along the axis, shape `(n,)`, ascending.
        y: Across it.
        percentile: Which.
    """
    count = min(_MOST_WINDOWS, x.size // percentile.fewest)
    if count < 3:
        return None
    cuts = np.linspace(0, x.size, count + 1).astype(np.intp)
    pairs = list(pairwise(cuts))
    middles = [float(np.median(x[a:b])) for a, b in pairs]
    values = [float(np.quantile(y[a:b], percentile.q, method="inverted_cdf")) for a, b in pairs]
    return Windows(middles, values, int(cuts[1]))
