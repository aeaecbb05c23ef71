"""How the run went: the latency of every request over time, with failures and warm-up marked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from latprof.analysis.measured import Requests, load_requests
from latprof.report.colours import BAD, INK, STAGE_HUES, mixed
from latprof.report.course import RUNNING, Percentile, finding, running, thinned
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
from latprof.units import count_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["timeline_plot"]

Floats = npt.NDArray[np.float64]

SPREAD_FOR_LOG = 8  # times the median: beyond it, a linear axis flattens all but the slowest

_LINES = (("-", INK), ("--", STAGE_HUES[0]))  # of RUNNING
_SIZES = {50: 9, 2_000: 5, math.inf: 3}  # points, by how many requests there are room for
_FAILED = {"error": "x", "timeout": "v", "dropped": "|"}


def timeline_plot(run: Run) -> Picture:
    """Return latency over the time of the run, one point a request, with running percentiles."""
    requests = load_requests(run)
    figure = picture(4.2)
    titled(figure, finding(run, requests), run)
    if requests.request_id.size:
        _draw(figure.subplots(), requests)
    return figure


def _draw(axes: Axes, requests: Requests) -> None:
    origin = int(requests.intended_ns[0])
    along, elapsed = elapsed_unit(float(requests.finished_ns.max() - origin))
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    x, y = (requests.intended_ns - origin) / along, requests.latency_ns / divisor
    _draw_answered(axes, requests, x, y)
    _draw_failed(axes, requests, x, y)
    for percentile, how in zip(RUNNING, _LINES, strict=True):
        _draw_running(axes, x[requests.ok], y[requests.ok], percentile, how)
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


def _draw_running(
    axes: Axes, x: Floats, y: Floats, percentile: Percentile, how: tuple[str, str]
) -> None:
    windows = running(x, y, percentile)
    if windows is not None:
        label = f"{percentile.name} of every {count_text(windows.size)}"
        axes.plot(windows.x, windows.y, how[0], color=how[1], linewidth=1.6, label=label)
