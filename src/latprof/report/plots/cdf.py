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
from latprof.report.plots.picture import WIDTH, Picture, legend, log_times, picture, titled
from latprof.run.model import Quantile
from latprof.units import counted_text, duration_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["cdf_plot"]

Floats = npt.NDArray[np.float64]

UNMEASURED = "No request was answered in the steady phase"
MARKED = (0.5, 0.9, 0.95, 0.99, 0.999)
TICKS = (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
FEW = 40  # requests, each of which is worth a point
POINTS = 1_500  # ranks drawn, evenly spaced in nines: more than a picture has pixels


def cdf_plot(run: Run) -> Picture:
    """Return the share of requests that were no slower than each latency, response and service."""
    requests = load_measured(run)
    marked = [run.latency(q) for q in MARKED]
    figure = picture(4.6)
    titled(figure, _finding(marked), run)
    if requests.request_id.size:
        _draw(figure.subplots(), requests, marked)
    return figure


def _finding(marked: Sequence[Quantile]) -> str:
    carried = [quantile for quantile in marked if quantile.value_ns is not None]
    if not carried:
        n = marked[0].n
        return f"{counted_text(n, 'request')}: too few for any percentile" if n else UNMEASURED
    middle, last = carried[0], carried[-1]
    if middle is last or not middle.value_ns or last.value_ns is None:
        return f"{_name(last)} is {duration_text(last.value_ns)}; too few requests for the tail"
    times = last.value_ns / middle.value_ns
    return (
        f"{_name(last)} is {times:.1f} times {_name(middle)}: "
        f"{duration_text(last.value_ns)} against {duration_text(middle.value_ns)}"
    )


def _name(quantile: Quantile) -> str:
    return f"p{100 * quantile.q:g}"


def _draw(axes: Axes, requests: Requests, marked: Sequence[Quantile]) -> None:
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    response, nines = _curve(requests.latency_ns / divisor)
    service, _ = _curve(requests.service_ns / divisor)
    carried = _carried(marked)
    axes.fill_betweenx(nines, service, response, color=QUEUE, alpha=0.16, linewidth=0)
    sure, luck = nines <= carried, nines >= carried
    axes.plot(
        response[sure],
        nines[sure],
        color=INK,
        linewidth=2.2,
        label="latency, from the intended start",
    )
    axes.plot(
        response[luck],
        nines[luck],
        ":",
        color=INK,
        linewidth=1.6,
        label="a handful of requests: luck",
    )
    axes.plot(service, nines, color=QUEUE, linewidth=1.3, label="service, from the actual start")
    if response.size < FEW:
        axes.plot(response, nines, "o", color=INK, markersize=4)
    for quantile in marked:
        _mark(axes, quantile, divisor, unit)
    _nines_axis(axes, float(nines[-1]))
    low = min(float(service[service > 0].min(initial=math.inf)), float(response[-1]))
    axes.set_xscale("log")
    axes.set_xlim(low / 1.05, float(response[-1]) * 1.25)
    log_times(axes.xaxis, *axes.get_xlim())
    axes.set_xlabel(f"latency ({unit}, log scale)")
    legend(axes, *axes.get_legend_handles_labels(), WIDTH - 0.8)


def _curve(values: Floats) -> tuple[Floats, Floats]:
    """Return `(value, nines)` at ranks that are evenly spaced in nines.

    Each value stands for its own share of the sample, hence the half: the slowest of n is drawn at
    1 - 1/(2n), not at the end of an endless axis.
    """
    ordered = np.sort(values)
    wanted = ordered.size * (1 - 10 ** -np.linspace(0, math.log10(2 * ordered.size), POINTS))
    ranks = np.unique(np.clip(wanted.astype(np.intp), 0, ordered.size - 1))
    return ordered[ranks], -np.log10(1 - (ranks + 0.5) / ordered.size)


def _carried(marked: Sequence[Quantile]) -> float:
    """Return up to how many nines the sample carries: five independent requests beyond."""
    effective = min(quantile.n_effective for quantile in marked)
    shown = (-math.log10(1 - each.q) for each in marked if each.value_ns is not None)
    return max(-math.log10(min(1.0, 5 / effective)), *shown, 0.0)


def _mark(axes: Axes, quantile: Quantile, divisor: float, unit: str) -> None:
    if quantile.value_ns is None or quantile.low_ns is None or quantile.high_ns is None:
        return
    nines = -math.log10(1 - quantile.q)
    low, value, high = (
        ns / divisor for ns in (quantile.low_ns, quantile.value_ns, quantile.high_ns)
    )
    axes.plot([low, high], [nines, nines], color=INK, linewidth=5, alpha=0.3, solid_capstyle="butt")
    axes.plot([value], [nines], "o", color=INK, markersize=5)
    text = f"{_name(quantile)}  {scaled_text(quantile.value_ns, divisor)} {unit}"
    axes.annotate(text, (high, nines), (6, -3), textcoords="offset points", va="top", size=9)


def _nines_axis(axes: Axes, most: float) -> None:
    shown = [q for q in TICKS if q == 0 or -math.log10(1 - q) <= most]
    axes.set_yticks([-math.log10(1 - q) for q in shown], [f"{100 * q:.6g} %" for q in shown])
    axes.set_ylim(0, most * 1.05)
    axes.set_ylabel("share of requests no slower (each step a nine)")
