"""The distribution of latency with its tail pulled out: an axis of nines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from latprof.analysis.measured import Requests, load_measured
from latprof.report.colours import INK, QUEUE
from latprof.report.nines import MARKED, TICKS, carried, curve, finding, name, nines
from latprof.report.plots.picture import WIDTH, Picture, legend, log_times, picture, titled
from latprof.run.model import Quantile
from latprof.units import scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["cdf_plot"]

Floats = npt.NDArray[np.float64]

FEW = 40  # requests, each of which is worth a point


def cdf_plot(run: Run) -> Picture:
    """Return the share of requests that were no slower than each latency, response and service."""
    requests = load_measured(run)
    marked = [run.latency(q) for q in MARKED]
    figure = picture(4.6)
    titled(figure, finding(marked), run)
    if requests.request_id.size:
        _draw(figure.subplots(), requests, marked)
    return figure


def _draw(axes: Axes, requests: Requests, marked: Sequence[Quantile]) -> None:
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    response, height = curve(requests.latency_ns / divisor)
    service, _ = curve(requests.service_ns / divisor)
    most = carried(marked)
    axes.fill_betweenx(height, service, response, color=QUEUE, alpha=0.16, linewidth=0)
    sure, luck = height <= most, height >= most
    axes.plot(
        response[sure],
        height[sure],
        color=INK,
        linewidth=2.2,
        label="latency, from the intended start",
    )
    axes.plot(
        response[luck],
        height[luck],
        ":",
        color=INK,
        linewidth=1.6,
        label="a handful of requests: luck",
    )
    axes.plot(service, height, color=QUEUE, linewidth=1.3, label="service, from the actual start")
    if response.size < FEW:
        axes.plot(response, height, "o", color=INK, markersize=4)
    for quantile in marked:
        _mark(axes, quantile, divisor, unit)
    _nines_axis(axes, float(height[-1]))
    low = min(float(service[service > 0].min(initial=math.inf)), float(response[-1]))
    axes.set_xscale("log")
    axes.set_xlim(low / 1.05, float(response[-1]) * 1.25)
    log_times(axes.xaxis, *axes.get_xlim())
    axes.set_xlabel(f"latency ({unit}, log scale)")
    legend(axes, *axes.get_legend_handles_labels(), WIDTH - 0.8)


def _mark(axes: Axes, quantile: Quantile, divisor: float, unit: str) -> None:
    if quantile.value_ns is None or quantile.low_ns is None or quantile.high_ns is None:
        return
    height = nines(quantile.q)
    low, value, high = (
        ns / divisor for ns in (quantile.low_ns, quantile.value_ns, quantile.high_ns)
    )
    axes.plot(
        [low, high], [height, height], color=INK, linewidth=5, alpha=0.3, solid_capstyle="butt"
    )
    axes.plot([value], [height], "o", color=INK, markersize=5)
    text = f"{name(quantile)}  {scaled_text(quantile.value_ns, divisor)} {unit}"
    axes.annotate(text, (high, height), (6, -3), textcoords="offset points", va="top", size=9)


def _nines_axis(axes: Axes, most: float) -> None:
    shown = [q for q in TICKS if q == 0 or nines(q) <= most]
    axes.set_yticks([nines(q) for q in shown], [f"{100 * q:.6g} %" for q in shown])
    axes.set_ylim(0, most * 1.05)
    axes.set_ylabel("share of requests no slower (each step a nine)")
