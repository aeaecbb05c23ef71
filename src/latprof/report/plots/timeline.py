"""How the run went: the latency of every request over time, with failures and warm-up marked."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from latprof.analysis.measured import Requests, load_requests
from latprof.report.colours import BAD, INK, STAGE_HUES, mixed
from latprof.report.plots.picture import (
    WIDTH,
    Picture,
    elapsed_unit,
    legend,
    log_times,
    picture,
    plain_numbers,
    titled,
)
from latprof.run.schema import STATUSES
from latprof.units import count_text, counted_text, duration_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["thinned", "timeline_plot"]

Floats = npt.NDArray[np.float64]

COLUMNS = 400  # of points across the picture: about one for two pixels
PER_COLUMN = 12  # points kept of a column: its extremes and what lies evenly between them
MOST_WINDOWS = 60
SPREAD_FOR_LOG = 8  # times the median: beyond it, a linear axis flattens all but the slowest

# Requests in a window. The p99 of fewer than a hundred is just the slowest of them.
_RUNNING = (("median", 0.5, 20, "-", INK), ("p99", 0.99, 100, "--", STAGE_HUES[0]))
_COURSES = {
    "flat": "steady from the start",
    "warm-up": "steady after warming up",
    "slowdown": "it slows down on the way",
    "trend": "it drifts all along",
    "no steady state": "it never settles",
    "too short": "too few requests to see a drift",
}
_SIZES = {50: 9, 2_000: 5, math.inf: 3}  # points, by how many requests there are room for
_FAILED = {"error": "x", "timeout": "v", "dropped": "|"}


def timeline_plot(run: Run) -> Picture:
    """Return latency over the time of the run, one point a request, with running percentiles."""
    requests = load_requests(run)
    figure = picture(4.2)
    titled(figure, _finding(run, requests), run)
    if requests.request_id.size:
        _draw(figure.subplots(), requests)
    return figure


def _finding(run: Run, requests: Requests) -> str:
    total, failed = requests.ok.size, int((~requests.ok).sum())
    if not total:
        return "No request was recorded"
    if failed:
        return f"{count_text(failed)} of {counted_text(total, 'request')} failed"
    course = _COURSES[(run.manifest["steady"] or {}).get("class", "too short")]
    return f"Median latency {duration_text(float(np.median(requests.latency_ns)))}: {course}"


def _draw(axes: Axes, requests: Requests) -> None:
    origin = int(requests.intended_ns[0])
    along, elapsed = elapsed_unit(float(requests.finished_ns.max() - origin))
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    x, y = (requests.intended_ns - origin) / along, requests.latency_ns / divisor
    _draw_answered(axes, requests, x, y)
    _draw_failed(axes, requests, x, y)
    for name, q, fewest, line, colour in _RUNNING:
        _draw_running(axes, x[requests.ok], y[requests.ok], (name, q, fewest), (line, colour))
    scale = _scale(axes, y)
    axes.set_xlabel(f"time since the start of the run ({elapsed})")
    axes.set_ylabel(f"latency from the intended start ({unit}{scale})")
    length = float(requests.finished_ns.max() - origin) / along
    axes.set_xlim(-0.01 * length, 1.01 * length or 1.0)
    legend(axes, *axes.get_legend_handles_labels(), WIDTH - 0.8)


def _scale(axes: Axes, y: Floats) -> str:
    if not y.max() > SPREAD_FOR_LOG * np.median(y) > 0:
        axes.set_ylim(bottom=0)
        plain_numbers(axes.yaxis)
        return ""
    axes.set_yscale("log")
    log_times(axes.yaxis, *axes.get_ylim())
    return ", log scale"


def _draw_answered(axes: Axes, requests: Requests, x: Floats, y: Floats) -> None:
    for chosen, colour, name in (
        (requests.ok & requests.steady, mixed(INK, "#ffffff", 0.55), "request"),
        (requests.ok & ~requests.steady, STAGE_HUES[1], "cold or warm-up"),
    ):
        at = np.flatnonzero(chosen)
        at = at[thinned(x[at], y[at])]
        size = next(points for most, points in _SIZES.items() if at.size <= most)
        if at.size:
            axes.plot(x[at], y[at], ".", color=colour, ms=size, mew=0, label=name, rasterized=True)


def _draw_failed(axes: Axes, requests: Requests, x: Floats, y: Floats) -> None:
    for status, marker in _FAILED.items():
        at = np.flatnonzero(requests.status == STATUSES.index(status))
        name = f"{status} ({count_text(at.size)})"
        at = at[thinned(x[at], y[at])]
        if at.size:
            axes.plot(x[at], y[at], marker, color=BAD, ms=6, label=name, rasterized=True)


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


def _draw_running(
    axes: Axes, x: Floats, y: Floats, what: tuple[str, float, int], how: tuple[str, str]
) -> None:
    """Draw one quantile of consecutive windows of equal counts, where there are at least three."""
    name, q, fewest = what
    windows = min(MOST_WINDOWS, x.size // fewest)
    if windows < 3:
        return
    cuts = np.linspace(0, x.size, windows + 1).astype(np.intp)
    pairs = list(pairwise(cuts))
    middles = [float(np.median(x[a:b])) for a, b in pairs]
    values = [float(np.quantile(y[a:b], q, method="inverted_cdf")) for a, b in pairs]
    label = f"{name} of every {count_text(int(cuts[1]))}"
    axes.plot(middles, values, how[0], color=how[1], linewidth=1.6, label=label)
