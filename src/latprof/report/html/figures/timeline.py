"""How the run went: latency over time, phases and failures in it, and signals beneath it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from latprof.analysis.measured import Requests, load_requests
from latprof.report.colours import BAD, STAGE_HUES
from latprof.report.course import RUNNING, finding, running, thinned
from latprof.report.html.figures.signals import Panel, panels
from latprof.report.html.section import FAINT, INK, LINE, Figure
from latprof.run.schema import STATUSES
from latprof.units import count_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["timeline_figure"]

Floats = npt.NDArray[np.float64]

_SPREAD_FOR_LOG = 8  # times the median: beyond it, a linear axis flattens all but the slowest
_LATENCY_PX, _PANEL_PX, _MARGIN_PX = 260, 96, 90
_DIGITS = 6
_FAILED = {"error": "x", "timeout": "triangle-down", "dropped": "line-ns-open"}


def timeline_figure(run: Run) -> Figure | None:
    """Return latency over the time of the run with the signals beneath; None without requests."""
    requests = load_requests(run)
    if not requests.request_id.size:
        return None
    origin = int(requests.intended_ns[0])
    beneath = panels(run, origin)
    height = _LATENCY_PX + _PANEL_PX * len(beneath) + _MARGIN_PX
    share = _PANEL_PX / (height - _MARGIN_PX)
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    x, y = (requests.intended_ns - origin) / 1e9, requests.latency_ns / divisor
    traces = [*_latency(requests, x, y, unit)]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "s since the start of the run"}, "anchor": "y"},
        "yaxis": _latency_axis(y, unit, len(beneath) * share),
        "shapes": _phases(requests, x),
    }
    for number, panel in enumerate(beneath, start=2):
        top = 1 - (_LATENCY_PX / (height - _MARGIN_PX)) - (number - 2) * share
        layout[f"yaxis{number}"] = _panel_axis(panel, max(0.0, top - share), top)
        traces += _panel_lines(panel, number)
    if beneath:
        layout["xaxis"]["anchor"] = f"y{len(beneath) + 1}"
    return Figure(
        name="timeline",
        title=finding(run, requests),
        words=f"Points: the latency of requests in {unit} over the seconds of the run"
        + "".join(f"; beneath, {panel.title} in {panel.unit}" for panel in beneath),
        traces=traces,
        layout=layout,
        height=height,
    )


def _rounded(values: Floats) -> list[float]:
    return [float(f"{each:.{_DIGITS}g}") for each in values]


def _latency(requests: Requests, x: Floats, y: Floats, unit: str) -> Iterator[dict[str, Any]]:
    for chosen, colour, label in (
        (requests.ok & requests.steady, FAINT, "request"),
        (requests.ok & ~requests.steady, STAGE_HUES[1], "cold or warm-up"),
    ):
        yield from _points(chosen, x, y, (colour, label, "circle"), unit)
    for status, symbol in _FAILED.items():
        chosen = requests.status == STATUSES.index(status)
        label = f"{status} ({count_text(int(chosen.sum()))})"
        yield from _points(chosen, x, y, (BAD, label, symbol), unit)
    for percentile, colour in zip(RUNNING, (INK, STAGE_HUES[0]), strict=True):
        windows = running(x[requests.ok], y[requests.ok], percentile)
        if windows is not None:
            yield {
                "type": "scatter",
                "mode": "lines",
                "name": f"{percentile.name} of every {count_text(windows.size)}",
                "x": _rounded(np.array(windows.x)),
                "y": _rounded(np.array(windows.y)),
                "line": {"color": colour, "width": 2},
                "hoverinfo": "skip",
            }


def _points(
    chosen: npt.NDArray[np.bool_], x: Floats, y: Floats, how: tuple[str, str, str], unit: str
) -> Iterator[dict[str, Any]]:
    at = np.flatnonzero(chosen)
    at = at[thinned(x[at], y[at])]
    colour, label, symbol = how
    if at.size:
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": label,
            "x": _rounded(x[at]),
            "y": _rounded(y[at]),
            "marker": {"color": colour, "symbol": symbol, "size": 4 if colour == FAINT else 6},
            "hovertemplate": f"%{{y}} {unit} at %{{x}} s<extra>{label}</extra>",
        }


def _latency_axis(y: Floats, unit: str, bottom: float) -> dict[str, Any]:
    is_log = bool(y.max() > _SPREAD_FOR_LOG * np.median(y) > 0)
    axis: dict[str, Any] = {
        "title": {"text": f"latency ({unit}{', log' if is_log else ''})"},
        "domain": [bottom + 0.01, 1],
    }
    return axis | ({"type": "log"} if is_log else {"rangemode": "tozero"})


def _phases(requests: Requests, x: Floats) -> list[dict[str, Any]]:
    """Return a shade over what came before the steady phase."""
    before = np.flatnonzero(~requests.steady)
    if not before.size or before.size == x.size:
        return []
    steady = np.flatnonzero(requests.steady)
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": float(x[before[0]]),
            "x1": float(x[steady[0]]),
            "y0": 0,
            "y1": 1,
            "fillcolor": LINE,
            "opacity": 0.35,
            "line": {"width": 0},
            "layer": "below",
            "label": {"text": "before steady", "textposition": "top left", "font": {"size": 10}},
        }
    ]


def _panel_axis(panel: Panel, bottom: float, top: float) -> dict[str, Any]:
    return {
        "title": {"text": f"{panel.title}<br>{panel.unit}", "font": {"size": 11}},
        "domain": [bottom + 0.01, top - 0.015],
        "rangemode": "tozero",
        "nticks": 4,
    }


def _panel_lines(panel: Panel, number: int) -> list[dict[str, Any]]:
    colours = (INK, *STAGE_HUES)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": label,
            "x": _rounded(line.seconds),
            "y": _rounded(line.values),
            "yaxis": f"y{number}",
            "line": {"width": 1.4, "color": colours[at], "shape": "hv"},
            "showlegend": len(panel.lines) > 1,
            "hovertemplate": f"{label}: %{{y}} {panel.unit}<extra></extra>",
        }
        for at, (label, line) in enumerate(panel.lines.items())
    ]
