"""What makes the slow requests slower than typical ones, part by part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latprof.analysis.parts import TOTAL
from latprof.report.colours import stage_colours
from latprof.report.document import one_line
from latprof.report.html.figures.bars import interval, rows_axis
from latprof.report.html.section import Figure
from latprof.report.html.text import shown
from latprof.report.stages import Record, records
from latprof.units import duration_text, scaled_text, share_text, time_unit

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["tail_figure"]

_MOST = 16  # parts
_ROW_PX, _MARGIN_PX = 28, 70


def tail_figure(run: Run, found: pd.DataFrame) -> Figure | None:
    """Return what each part adds at p99; None where the run does not carry it.

    Args:
        run: A finished run.
        found: What `run.tail()` returned.
    """
    if found.empty or not found.attrs.get("reliable", False):
        return None
    rows = records(found.reset_index(drop=True))
    total = next(row for row in rows if row["part"] == TOTAL)
    parts = sorted((row for row in rows if row["part"] != TOTAL), key=lambda row: -row["blame"])
    parts = [row for row in parts if row["blame"]][:_MOST]
    if not parts or total["excess"] <= 0:
        return None
    divisor, unit = time_unit(max(abs(row["blame"]) for row in parts) / 10)
    colours = stage_colours(run.stages)
    first, more = parts[0], duration_text(total["excess"])
    part = one_line(str(first["part"]), 60)
    return Figure(
        name="tail",
        title=f"Requests around p99 take {more} longer than typical ones: "
        f"{part} is to blame for {share_text(first['blame_share'])} of it",
        words=f"Bars: what each part adds to slow requests, in {unit}. "
        + ". ".join(
            f"{one_line(str(row['part']), 60)}: {scaled_text(row['blame'], divisor)} {unit}"
            for row in parts
        ),
        traces=[
            {
                "type": "bar",
                "orientation": "h",
                "x": [row["blame"] / divisor for row in parts],
                "y": list(range(len(parts))),
                "marker": {"color": [colours[str(row["part"])] for row in parts]},
                "error_x": interval(
                    [_reach(row, "blame_lo", -1) / divisor for row in parts],
                    [_reach(row, "blame_hi", 1) / divisor for row in parts],
                ),
                "hovertext": [
                    f"{shown(str(row['part']))}: {scaled_text(row['blame'], divisor)} {unit}, "
                    f"{share_text(row['blame_share'])}"
                    for row in parts
                ],
                "hoverinfo": "text",
            }
        ],
        layout={
            "showlegend": False,
            "xaxis": {"title": {"text": f"{unit} more than in a typical request"}},
            "yaxis": rows_axis([str(row["part"]) for row in parts], 24),
        },
        height=_MARGIN_PX + _ROW_PX * len(parts),
    )


def _reach(row: Record, end: str, sign: int) -> float:
    """Return how far an interval reaches beyond the value; 0 where it has no end."""
    value = float(row[end])
    return 0.0 if math.isnan(value) else max(0.0, sign * (value - float(row["blame"])))
