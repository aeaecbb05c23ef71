"""Single requests, instant by instant: a typical one, those of the tail, and one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from latprof.report.colours import stage_colours
from latprof.report.examples import Example, Span, examples, failed_example, finding
from latprof.report.html.section import Figure
from latprof.report.html.text import shown
from latprof.units import duration_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["waterfall_figure"]

_MOST_SPANS = 400  # of one stage; the rest of a loop looks the same
_LANE_PX, _MARGIN_PX = 26, 110
_APART = 0.7  # of a lane between two requests
_OUTSIDE = ("untracked", "queue")


class _Bar(NamedTuple):
    """A span in its place: instants since the intended start, and the height of its lane."""

    span: Span
    since_ns: int
    place: float
    request: str


def waterfall_figure(run: Run) -> Figure | None:
    """Return the stages of a few requests along time; None where nothing was recorded."""
    chosen = examples(run)
    if not chosen:
        return None
    title = finding(chosen)
    if failed := failed_example(run):
        chosen = [*chosen, failed]
    divisor, unit = time_unit(max(each.latency_ns for each in chosen) / 10)
    bars, places, deepest = _laid(chosen)
    colours = stage_colours(run.stages)
    stages = [name for name in colours if name in bars and name not in _OUTSIDE]
    behind = [name for name in _OUTSIDE if name in bars]
    return Figure(
        name="waterfall",
        title=title,
        words="Bars along time, one row a request: "
        + ", ".join(f"{each.name} {duration_text(each.latency_ns)}" for each in chosen),
        traces=[
            _trace(name, bars[name], colours[name], divisor, unit) for name in (*behind, *stages)
        ],
        layout={
            "barmode": "overlay",
            "xaxis": {"title": {"text": f"{unit} since the intended start"}, "rangemode": "tozero"},
            "yaxis": {
                "tickvals": places,
                "ticktext": [
                    f"{each.name}<br>{scaled_text(each.latency_ns, divisor)} {unit}"
                    for each in chosen
                ],
                "range": [deepest + 0.6, -0.6],
                "showgrid": False,
                "zeroline": False,
            },
        },
        height=int(_MARGIN_PX + _LANE_PX * (deepest + 1)),
    )


def _laid(chosen: list[Example]) -> tuple[dict[str, list[_Bar]], list[float], float]:
    """Return the bars of each stage, where each request begins, and the lowest lane."""
    bars: dict[str, list[_Bar]] = {}
    places, top = [], 0.0
    for each in chosen:
        places.append(top)
        for span, lane in _spans(each):
            since_ns = span.start_ns - int(each.request.intended_ns[0])
            bars.setdefault(span.stage, []).append(_Bar(span, since_ns, top + lane, each.name))
        top += 1 + max((lane for _, lane in each.spans), default=0) + _APART
    return bars, places, top - 1 - _APART


def _spans(example: Example) -> Iterator[tuple[Span, int]]:
    """Yield the spans, behind them the whole service, and the wait before it."""
    request = example.request
    intended, started, finished = (
        int(times[0]) for times in (request.intended_ns, request.started_ns, request.finished_ns)
    )
    yield Span("untracked", started, finished), 0
    if started > intended:
        yield Span("queue", intended, started), 0
    yield from example.spans


def _trace(name: str, bars: list[_Bar], colour: str, divisor: float, unit: str) -> dict[str, Any]:
    kept = sorted(bars, key=lambda bar: -bar.span.length_ns)[:_MOST_SPANS]
    return {
        "type": "bar",
        "orientation": "h",
        "name": shown(name, 24),
        "base": [bar.since_ns / divisor for bar in kept],
        "x": [bar.span.length_ns / divisor for bar in kept],
        "y": [bar.place for bar in kept],
        "width": 0.8,
        "marker": {
            "color": colour,
            "line": {"width": 0},
            "pattern": {"shape": "/" if name == "untracked" else ""},
        },
        "hovertext": [
            f"{shown(bar.request)}: {shown(name)} {scaled_text(bar.span.length_ns, divisor)} {unit}"
            for bar in kept
        ],
        "hoverinfo": "text",
    }
