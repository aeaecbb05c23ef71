"""Latency by the attribute that explains it best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latprof.report.colours import STAGE_HUES
from latprof.report.document import one_line
from latprof.report.html.figures.bars import interval, rows_axis
from latprof.report.html.section import Figure
from latprof.report.html.text import shown
from latprof.report.stages import records
from latprof.units import scaled_text, share_text, time_unit

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["slices_figure"]

_EXPLAINS = 0.1  # of the variance: below it, the slices look alike
_MOST = 12
_ROW_PX, _MARGIN_PX = 30, 84


def slices_figure(run: Run, attributes: pd.DataFrame) -> Figure | None:
    """Return the median of each slice; None where no attribute explains a tenth of latency.

    Args:
        run: A finished run.
        attributes: What `run.slices()` returned.
    """
    known = [row for row in records(attributes) if row["explained"] >= _EXPLAINS]
    if not known:
        return None
    attribute = str(known[0]["attribute"])
    rows = [row for row in records(run.slices(attribute)) if not math.isnan(row["p50"])][:_MOST]
    if not rows:
        return None
    divisor, unit = time_unit(max(row["p50"] for row in rows) / 10)
    name = one_line(attribute, 60)
    return Figure(
        name="slices",
        title=f"{name} explains {share_text(known[0]['explained'])} of how latency varies",
        words=f"Bars: the median latency by {name}, in {unit}. "
        + ". ".join(
            f"{one_line(str(row['slice']), 60)}: {scaled_text(row['p50'], divisor)} {unit}"
            for row in rows
        ),
        traces=[
            {
                "type": "bar",
                "orientation": "h",
                "x": [row["p50"] / divisor for row in rows],
                "y": list(range(len(rows))),
                "marker": {"color": STAGE_HUES[0]},
                "error_x": interval(
                    [_reach(row["p50"] - row["p50_lo"]) / divisor for row in rows],
                    [_reach(row["p50_hi"] - row["p50"]) / divisor for row in rows],
                ),
                "hovertext": [
                    f"{shown(str(row['slice']))}: p50 {scaled_text(row['p50'], divisor)} {unit}, "
                    f"{row['count']} requests"
                    for row in rows
                ],
                "hoverinfo": "text",
            }
        ],
        layout={
            "showlegend": False,
            "xaxis": {"title": {"text": f"median latency ({unit})"}, "rangemode": "tozero"},
            "yaxis": rows_axis([str(row["slice"]) for row in rows], 28),
        },
        height=_MARGIN_PX + _ROW_PX * len(rows),
    )


def _reach(length: float) -> float:
    return 0.0 if math.isnan(length) else max(0.0, length)
