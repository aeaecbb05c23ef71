"""Where the time goes: how the stages add up to a request, and how far each one spreads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from latprof.report.colours import INK, mixed, stage_colours
from latprof.report.document import Part
from latprof.report.plots.picture import (
    FAINT,
    HATCH,
    Picture,
    label,
    legend,
    log_times,
    picture,
    plain_numbers,
    titled,
)
from latprof.report.stages import Record, largest_stage, part_of, records, shared_unit
from latprof.units import duration_text, scaled_text, share_text

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["breakdown_plot"]

ROW, DENSE_ROW = 0.36, 0.25  # inches; the latter from so many rows on:
MANY_ROWS = 16
LEFT, RIGHT = 4.8, 3.8  # inches of the two panels with their names
BAR = 0.62  # of a row
HATCHED = 0.01  # of the axis: hatching a narrower bar leaves only crumbs
NUMBERS = 1.3  # the longest bar leaves this much of its length for the numbers behind it
MARKERS = {"p50": "o", "p95": "D", "p99": "^"}

# What a thread did while its stage was open: its colour, whitened by so much.
_DOING = {"cpu_share": 0.0, "runqueue_share": 0.4, "blocked_share": 0.65}
_DOING_WORDS = ("on CPU", "waiting for a core", "blocked")


def breakdown_plot(run: Run) -> Picture:
    """Return bars of mean self time that add up to the total, beside p50, p95 and p99."""
    table = run.breakdown()
    rows = records(table)
    divisor, unit = shared_unit(table)
    per = "request" if any(part_of(row["stage"]) is Part.TOTAL for row in rows) else "span"
    colours = stage_colours(run.stages)
    row_inches = DENSE_ROW if len(rows) >= MANY_ROWS else ROW
    figure = picture(1.8 + row_inches * max(len(rows), 3))
    titled(figure, _finding(table), run)
    if not rows:
        return figure
    means, spread = figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
    _name_rows(means, [row["stage"] for row in rows], largest_stage(table))
    plain_numbers(means.xaxis)
    spread.tick_params(axis="y", length=0)
    _draw_means(means, rows, colours, divisor)
    means.set_xlabel(f"mean time per {per}, stage after stage ({unit})")
    _draw_spread(spread, rows, colours, divisor)
    spread.set_xlabel(f"time in one {per} ({unit}, log scale)")
    return figure


def _finding(table: pd.DataFrame) -> str:
    name = largest_stage(table)
    if name is None:
        return "No request was answered in the steady phase"
    subjects = {"queue": "Waiting in the queue", "untracked": "Time outside all stages"}
    share = share_text(table.loc[table["stage"] == name, "share"].iloc[0])
    total = table.loc[table["stage"] == "total", "mean"]
    whole = f"the mean {duration_text(total.iloc[0])}" if len(total) else "the time in all spans"
    return f"{subjects.get(name, label(name))} is {share} of {whole}"


def _name_rows(axes: Axes, names: Sequence[str], marked: str | None) -> None:
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        part = part_of(name)
        tick.set_fontstyle("italic" if part is Part.OUTSIDE else "normal")
        tick.set_fontweight("bold" if part is Part.TOTAL or name == marked else "normal")


def _draw_means(
    axes: Axes, rows: Sequence[Record], colours: Mapping[str, str], divisor: float
) -> None:
    """Draw each row from where the one before it ended, and all of them once more as the total.

    A stage that some requests leave out counts by its share in the sum, so that bars do add up.
    """
    axes.grid(visible=False, axis="y")
    total = sum(row["sum"] for row in rows if part_of(row["stage"]) is not Part.TOTAL)
    count = max((row["requests"] for row in rows), default=0) or max(
        (row["count"] for row in rows), default=1
    )
    axes.set_xlim(0, NUMBERS * total / count / divisor or 1.0)
    end, at_total = 0.0, [at for at, row in enumerate(rows) if part_of(row["stage"]) is Part.TOTAL]
    for at, row in enumerate(rows):
        width = row["sum"] / count / divisor
        if at in at_total:
            _number(axes, width, at, row, divisor)
            continue
        for place in (at, *at_total):
            _bar(axes, place, end, width, row, colours[row["stage"]])
        end += width
        _number(axes, end, at, row, divisor)
    if any(_doing(row) for row in rows):
        _explain_doing(axes)


def _bar(axes: Axes, at: int, left: float, width: float, row: Record, colour: str) -> None:
    begin = left
    for share, white in _doing(row) or [(1.0, 0.0)]:
        axes.barh(at, width * share, BAR, begin, color=mixed(colour, "#ffffff", white), linewidth=0)
        begin += width * share
    hatched = row["stage"] == "untracked" and width > HATCHED * axes.get_xlim()[1]
    axes.barh(
        at,
        width,
        BAR,
        left,
        fill=False,
        edgecolor=INK if hatched else colour,
        hatch=HATCH if hatched else None,
        linewidth=0.0 if hatched else 0.8,
    )


def _doing(row: Record) -> list[tuple[float, float]]:
    """Return each share of the time of a stage with its whitening; nothing where one is unknown."""
    shares = [(float(row[what]), white) for what, white in _DOING.items()]
    return [] if any(math.isnan(share) for share, _ in shares) else shares


def _number(axes: Axes, end: float, at: int, row: Record, divisor: float) -> None:
    text = f"{scaled_text(row['mean'], divisor)}   {share_text(row['share'])}"
    axes.annotate(
        text,
        (end, at),
        (5, 0),
        textcoords="offset points",
        va="center",
        size=8.5,
        weight="bold" if part_of(row["stage"]) is Part.TOTAL else "normal",
    )


def _explain_doing(axes: Axes) -> None:
    keys = [
        Patch(facecolor=mixed(INK, "#ffffff", white), edgecolor=INK, linewidth=0.6)
        for white in _DOING.values()
    ]
    legend(axes, keys, _DOING_WORDS, LEFT)


def _draw_spread(
    axes: Axes, rows: Sequence[Record], colours: Mapping[str, str], divisor: float
) -> None:
    """Draw the quantiles that the sample carries, their intervals, and the slowest as a tick."""
    known = [row[name] for row in rows for name in (*MARKERS, "max") if row[name] > 0]
    axes.set_xscale("log")
    least, most = min(known, default=1.0) / divisor, max(known, default=10.0) / divisor
    axes.set_xlim(least / 1.4, most * 1.4)
    log_times(axes.xaxis, least, most)
    _draw_quantiles(axes, rows, [colours[row["stage"]] for row in rows], divisor)
    names = [name for name in MARKERS if not all(math.isnan(row[name]) for row in rows)]
    _explain_marks(axes, names)


def _explain_marks(axes: Axes, names: Sequence[str]) -> None:
    keys = [Line2D([], [], color=FAINT, marker=MARKERS[name], linestyle="none") for name in names]
    keys.append(Line2D([], [], color=FAINT, marker="|", markersize=9, linestyle="none"))
    if names:
        keys.append(Line2D([], [], color=FAINT, linewidth=4, alpha=0.45))
        words = [*names, "max", "95 %"]
    else:
        words = ["max; too few requests for percentiles"]
    legend(axes, keys, words, RIGHT)


def _draw_quantiles(
    axes: Axes, rows: Sequence[Record], tints: Sequence[str], divisor: float
) -> None:
    at, (left, _) = np.arange(len(rows)), axes.get_xlim()
    column = {
        name: np.array([row[name] for row in rows], np.float64) / divisor
        for name in ("max", *(mark + end for mark in MARKERS for end in ("", "_lo", "_hi")))
    }
    slowest, begin = column["max"], np.maximum(column["p50"], left)
    axes.hlines(at, np.where(np.isnan(begin), slowest, begin), slowest, tints, linewidth=1)
    axes.scatter(slowest, at, 80, tints, marker="|", linewidth=1.2)
    for name, marker in MARKERS.items():
        low, high = np.maximum(column[name + "_lo"], left), column[name + "_hi"]
        axes.hlines(at, low, high, tints, linewidth=5, alpha=0.4)
        axes.scatter(
            column[name], at, 36, tints, marker=marker, edgecolor=INK, linewidth=0.6, zorder=3
        )
    for row in np.flatnonzero(column["p50"] == 0):
        axes.annotate("p50 is 0", (left, row), (3, 3), textcoords="offset points", size=7.5)
