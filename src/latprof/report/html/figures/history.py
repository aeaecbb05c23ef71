"""Parts of a request from run to run: each run's median, the levels, and where they change."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from latprof.analysis.parts import TOTAL
from latprof.report.colours import stage_colours
from latprof.report.document import one_line
from latprof.report.history import commit_text, headline
from latprof.report.html.section import FAINT, INK, Figure
from latprof.report.html.text import shown
from latprof.units import duration_text, time_unit

if TYPE_CHECKING:
    from latprof.analysis.history import Course, History

__all__ = ["history_figure"]

_Q = 0.5


def history_figure(history: History) -> Figure | None:
    """Return the median of each part from run to run; None where there is none."""
    courses = [each for each in history.courses if each.q == _Q and any(each.values_ns)]
    if not courses:
        return None
    divisor, unit = time_unit(max(value for each in courses for value in each.values_ns))
    colours = stage_colours([each.part for each in courses]) | {TOTAL: INK}
    changes = sorted({each.at for each in history.changes if each.q == _Q})
    return Figure(
        name="history",
        title=headline(history),
        words=f"Lines: the median of each part in {unit} from run to run. "
        + ". ".join(
            f"{one_line(each.part, 60)}: {duration_text(each.values_ns[0])} in its first run, "
            f"{duration_text(each.values_ns[-1])} in its last"
            for each in courses
        ),
        traces=[
            trace
            for each in courses
            for trace in (
                _runs(each, history, divisor, unit, colours[each.part]),
                *_levels(each, divisor, colours[each.part]),
            )
        ],
        layout={
            "shapes": [_change(at) for at in changes],
            "annotations": [_commit(at, history) for at in changes],
            "xaxis": {"title": {"text": "run, the oldest first"}, "rangemode": "nonnegative"},
            "yaxis": {"type": "log", "title": {"text": f"median self time ({unit}, log scale)"}},
        },
        height=420,
    )


def _runs(
    course: Course, history: History, divisor: float, unit: str, colour: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": shown(course.part, 24),
        "x": [1 + run for run in course.runs],
        "y": [value / divisor for value in course.values_ns],
        "marker": {"color": colour, "size": 6},
        "hovertext": [
            f"{shown(course.part)}: {value / divisor:.3g} {unit}, "
            f"{shown(commit_text(history.entries[run]))}"
            for run, value in zip(course.runs, course.values_ns, strict=True)
        ],
        "hoverinfo": "text",
    }


def _levels(course: Course, divisor: float, colour: str) -> list[dict[str, Any]]:
    if course.steps is None:
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for (a, b), level in zip(pairwise(course.steps.edges), course.steps.levels, strict=True):
        x += [1 + course.runs[a], 1 + course.runs[b - 1], None]
        y += [level / divisor] * 2 + [None]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": y,
            "line": {"color": colour, "width": 2},
            "showlegend": False,
            "hoverinfo": "skip",
        }
    ]


def _change(at: int) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": at + 0.5,
        "x1": at + 0.5,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": FAINT, "dash": "dot", "width": 1},
    }


def _commit(at: int, history: History) -> dict[str, Any]:
    return {
        "x": at + 0.5,
        "y": 1,
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "text": shown(commit_text(history.entries[at])),
        "showarrow": False,
        "font": {"color": FAINT, "size": 11},
    }
