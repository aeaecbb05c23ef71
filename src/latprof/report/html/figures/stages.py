"""Where the time of a request goes: the median of each part with its interval, and its p99."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from latprof.analysis.parts import TOTAL
from latprof.report.colours import stage_colours
from latprof.report.document import one_line
from latprof.report.html.figures.bars import interval, rows_axis
from latprof.report.html.section import INK, Figure
from latprof.report.html.text import shown
from latprof.report.stages import Record, records
from latprof.units import interval_text, scaled_text, share_text, time_unit

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["stages_figure"]

_MOST = 24  # parts; the table has them all
_ROW_PX, _MARGIN_PX = 30, 96


def stages_figure(run: Run, breakdown: pd.DataFrame) -> Figure | None:
    """Return a bar for each part of a request; None where no request was measured.

    Args:
        run: A finished run.
        breakdown: What `run.breakdown()` returned.
    """
    rows = [row for row in records(breakdown) if row["stage"] != TOTAL]
    rows = [row for row in rows if row["count"] and row["sum"] > 0]
    if not rows:
        return None
    largest = sorted(rows, key=lambda row: -row["sum"])[:_MOST]
    rows = [row for row in rows if row in largest]
    divisor, unit = time_unit(max(_middle(row) for row in rows) / 10)
    colours = stage_colours(run.stages)
    first = largest[0]
    height = _MARGIN_PX + _ROW_PX * len(rows)
    name = str(first["stage"])
    return Figure(
        name="stages",
        title=f"{one_line(name, 60)} takes {share_text(first['share'])} of a request",
        words=f"Bars: the median time of each part of a request in {unit}. "
        + ". ".join(_words(row, divisor, unit) for row in rows),
        traces=[_bars(rows, divisor, unit, colours), *_tails(rows, divisor, unit)],
        layout={
            "showlegend": True,
            "bargap": 0.35,
            "xaxis": {"title": {"text": f"{unit} of a request"}, "rangemode": "tozero"},
            "yaxis": rows_axis([str(row["stage"]) for row in rows], 24),
        },
        height=height,
    )


def _known(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _middle(row: Record) -> float:
    median = _known(row["p50"])
    return float(row["mean"]) if median is None else median


def _words(row: Record, divisor: float, unit: str) -> str:
    name = one_line(str(row["stage"]), 60)
    return f"{name}: {scaled_text(_middle(row), divisor)} {unit}, {share_text(row['share'])}"


def _bars(rows: list[Record], divisor: float, unit: str, colours: dict[str, str]) -> dict[str, Any]:
    lows, highs = _ends(rows, "p50", divisor)
    return {
        "type": "bar",
        "orientation": "h",
        "name": "median, with its 95 % interval",
        "y": list(range(len(rows))),
        "x": [_middle(row) / divisor for row in rows],
        "error_x": interval(lows, highs),
        "marker": {
            "color": [colours[str(row["stage"])] for row in rows],
            "pattern": {"shape": ["/" if row["stage"] == "untracked" else "" for row in rows]},
        },
        "hovertext": [_hover(row, "p50", divisor, unit) for row in rows],
        "hoverinfo": "text",
    }


def _tails(rows: list[Record], divisor: float, unit: str) -> list[dict[str, Any]]:
    """Return the p99 of the parts that have one."""
    at = [number for number, row in enumerate(rows) if _known(row["p99"]) is not None]
    if not at:
        return []
    known = [rows[number] for number in at]
    lows, highs = _ends(known, "p99", divisor)
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "p99",
            "y": at,
            "x": [float(row["p99"]) / divisor for row in known],
            "error_x": interval(lows, highs),
            "marker": {"symbol": "diamond", "size": 9, "color": INK},
            "hovertext": [_hover(row, "p99", divisor, unit) for row in known],
            "hoverinfo": "text",
        }
    ]


def _ends(rows: list[Record], q: str, divisor: float) -> tuple[list[float], list[float]]:
    """Return how far the interval reaches below and above; 0 where it has no end."""
    reaches = [_reaches(row, q, divisor) for row in rows]
    return [low for low, _ in reaches], [high for _, high in reaches]


def _reaches(row: Record, q: str, divisor: float) -> tuple[float, float]:
    value, low, high = (_known(row[key]) for key in (q, f"{q}_lo", f"{q}_hi"))
    if value is None or low is None or high is None:
        return 0.0, 0.0
    return (value - low) / divisor, (high - value) / divisor


def _hover(row: Record, q: str, divisor: float, unit: str) -> str:
    value, low, high = (_known(row[key]) for key in (q, f"{q}_lo", f"{q}_hi"))
    if value is None:
        return f"{shown(str(row['stage']))}: mean {scaled_text(row['mean'], divisor)} {unit}"
    ends = "" if low is None or high is None else f" {interval_text(low, high, divisor)}"
    return f"{shown(str(row['stage']))}: {q} {scaled_text(value, divisor)}{ends} {unit}"
