"""The distribution of latency: a logarithmic axis of time, and an axis of nines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from latprof.analysis.measured import load_measured
from latprof.report.html.figures.bars import interval
from latprof.report.html.section import FAINT, INK, Figure
from latprof.report.nines import MARKED, TICKS, carried, curve, finding, name, nines
from latprof.units import interval_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Quantile, Run

__all__ = ["distribution_figure"]

_POINTS = 400  # of a curve: a page is as wide
_DIGITS = 5


def distribution_figure(run: Run) -> Figure | None:
    """Return the share of requests that were no slower than each latency; None without any."""
    requests = load_measured(run)
    if not requests.request_id.size:
        return None
    marked = [run.latency(q) for q in MARKED]
    divisor, unit = time_unit(float(np.median(requests.latency_ns)))
    latency, height = curve(requests.latency_ns / divisor)
    service, _ = curve(requests.service_ns / divisor)
    most = carried(marked)
    sure, luck = height <= most, height >= most
    shown = [each for each in marked if each.value_ns is not None]
    ticks = [q for q in TICKS if q == 0 or nines(q) <= height[-1]]
    return Figure(
        name="distribution",
        title=finding(marked),
        words=f"Curve: the share of requests that took no longer than a latency in {unit}. "
        + ". ".join(_words(each, divisor, unit) for each in shown),
        traces=[
            _line("service, from the actual start", service, height, FAINT, "solid"),
            _line("latency, from the intended start", latency[sure], height[sure], INK, "solid"),
            _line("a handful of requests: luck", latency[luck], height[luck], INK, "dot"),
            _marks(shown, divisor, unit),
        ],
        layout={
            "xaxis": {"type": "log", "title": {"text": f"latency ({unit}, log scale)"}},
            "yaxis": {
                "title": {"text": "share no slower: each step a nine"},
                "tickvals": [nines(q) for q in ticks],
                "ticktext": [f"{100 * q:.6g} %" for q in ticks],
            },
        },
        height=380,
        narrow={"yaxis": {"title": {"text": ""}}},
    )


def _words(quantile: Quantile, divisor: float, unit: str) -> str:
    value = scaled_text(quantile.value_ns, divisor)
    return f"{name(quantile)}: {value} {_interval(quantile, divisor)} {unit}"


def _interval(quantile: Quantile, divisor: float) -> str:
    if quantile.low_ns is None or quantile.high_ns is None:
        return ""
    return interval_text(quantile.low_ns, quantile.high_ns, divisor)


def _line(
    label: str,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    colour: str,
    dash: str,
) -> dict[str, Any]:
    few = np.unique(np.linspace(0, x.size - 1, min(_POINTS, x.size)).astype(np.intp))
    few = few[x[few] > 0]  # a logarithmic axis has no zero
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "x": [float(f"{each:.{_DIGITS}g}") for each in x[few]],
        "y": [float(f"{each:.{_DIGITS}g}") for each in y[few]],
        "line": {"color": colour, "width": 2, "dash": dash},
        "hoverinfo": "skip",
    }


def _marks(shown: Sequence[Quantile], divisor: float, unit: str) -> dict[str, Any]:
    values = [(each.value_ns or 0) / divisor for each in shown]
    lows = [(each.low_ns or each.value_ns or 0) / divisor for each in shown]
    highs = [(each.high_ns or each.value_ns or 0) / divisor for each in shown]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "percentile, with its 95 % interval",
        "x": values,
        "y": [nines(each.q) for each in shown],
        "text": [f"{name(each)}  {scaled_text(each.value_ns, divisor)} {unit}" for each in shown],
        "textposition": "bottom right",
        "hovertext": [_words(each, divisor, unit) for each in shown],
        "hoverinfo": "text",
        "marker": {"size": 9, "color": INK},
        "error_x": interval(
            [value - low for low, value in zip(lows, values, strict=True)],
            [high - value for high, value in zip(highs, values, strict=True)],
        ),
    }
