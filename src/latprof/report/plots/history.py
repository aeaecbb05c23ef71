"""Parts of a request from run to run: what each run measured, the levels, and where they change."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from latprof.analysis.parts import TOTAL
from latprof.report.colours import INK, stage_colours
from latprof.report.history import commit_text, headline
from latprof.report.plots.picture import (
    FAINT,
    WIDTH,
    Picture,
    label,
    legend,
    log_times,
    picture,
    style,
)
from latprof.units import counted_text, time_unit

if TYPE_CHECKING:
    from latprof.analysis.history import Course, History

__all__ = ["history_plot"]

_Q = 0.5
_ROOM = 1.25  # above and below what is drawn, on a logarithmic axis


def history_plot(history: History, path: Path | str | None = None) -> Picture:
    """Return the median of each part from run to run; save it too where `path` is given.

    Args:
        history: Of at least one run.
        path: Ends in `.png` or `.svg`.

    Raises:
        UsageError: An ending that is not known.
        StorageError: The disk refuses.
    """
    with style():
        figure = picture(4.2)
        _title(figure, history)
        courses = [each for each in history.courses if each.q == _Q]
        if courses:
            _draw(figure.subplots(), history, courses)
    if path is not None:
        figure.write(Path(path))
    return figure


def _title(figure: Picture, history: History) -> None:
    height, x = figure.get_figheight(), 0.12 / WIDTH
    finding = label(headline(history), 78)
    figure.text(x, 1 - 0.1 / height, finding, size=13, weight="bold", va="top")
    about = f"{history.target or 'recordings'} · {counted_text(len(history.entries), 'run')}"
    figure.text(x, 1 - 0.38 / height, label(about, 100), size=9, color=FAINT, va="top")


def _draw(axes: Axes, history: History, courses: list[Course]) -> None:
    values = [value for course in courses for value in course.values_ns]
    divisor, unit = time_unit(max(values))
    colours = stage_colours([each.part for each in courses]) | {TOTAL: INK}
    for course in courses:
        _course(axes, course, divisor, colours[course.part])
    low, high = min(values) / divisor / _ROOM, max(values) / divisor * _ROOM
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    log_times(axes.yaxis, low, high)
    _commits(axes, history)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("run, the oldest first")
    axes.set_ylabel(f"median self time ({unit}, log scale)")
    legend(axes, *axes.get_legend_handles_labels(), WIDTH - 0.8)


def _course(axes: Axes, course: Course, divisor: float, colour: str) -> None:
    numbers = [1 + run for run in course.runs]
    scaled = [value / divisor for value in course.values_ns]
    axes.plot(numbers, scaled, ".", color=colour, ms=5, alpha=0.55, label=label(course.part))
    if course.steps is None:
        return
    for (a, b), level in zip(
        itertools.pairwise(course.steps.edges), course.steps.levels, strict=True
    ):
        ends = [numbers[a], numbers[b - 1]]
        axes.plot(ends, [level / divisor] * 2, "-", color=colour, linewidth=1.8)


def _commits(axes: Axes, history: History) -> None:
    """Draw a line between the runs where the median of some part changed, with the commit."""
    for at in sorted({each.at for each in history.changes if each.q == _Q}):
        axes.axvline(at + 0.5, color=FAINT, linewidth=1.0, linestyle=":", zorder=0)
        axes.annotate(
            commit_text(history.entries[at]),
            (at + 0.5, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            size=8,
            color=FAINT,
        )
