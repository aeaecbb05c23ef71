"""Single requests, instant by instant: a typical one beside those of the tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from latprof.report.colours import INK, UNTRACKED, contrasting, stage_colours
from latprof.report.examples import Example, Span, examples, finding
from latprof.report.plots.picture import (
    HATCH,
    SMALL,
    WIDTH,
    Picture,
    label,
    legend,
    picture,
    plain_numbers,
    text_inches,
    titled,
)
from latprof.units import count_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["waterfall_plot"]

ROW = 0.3  # inches of one lane
APART = 0.6  # of a lane between two requests
CROWDED = 100  # bars of one stage in one lane: from here on, lines between them would hide them
NARROWEST = 0.15  # inches of a bar that can hold any word
BARE = 0.83  # of the width that the bars get at least, beside the names of the requests
IN_LEGEND = 12  # the stages that took most; a longer legend is not read


def waterfall_plot(run: Run) -> Picture:
    """Return the stages of a few requests along time: p50, p95, p99 and the slowest."""
    shown = examples(run)
    depths = [1 + max((lane for _, lane in each.spans), default=0) for each in shown]
    figure = picture(1.7 + ROW * (sum(depths) + APART * len(depths)))
    titled(figure, finding(shown, label), run)
    if shown:
        _draw(figure.subplots(), run, shown)
    return figure


def _draw(axes: Axes, run: Run, shown: Sequence[Example]) -> None:
    colours = stage_colours(run.stages)
    longest_ns = float(max(each.latency_ns for each in shown))
    divisor, unit = time_unit(longest_ns / 10)
    inches_per_ns = WIDTH * BARE / longest_ns if longest_ns else 0.0
    place, ticks = 0.0, []
    for each in shown:
        ticks.append(place)
        pen = _Pen(axes, int(each.request.intended_ns[0]), divisor, inches_per_ns, place)
        _draw_request(pen, each, colours)
        place += 1 + max((lane for _, lane in each.spans), default=0) + APART
    texts = [f"{each.name}\n{scaled_text(each.latency_ns, divisor)} {unit}" for each in shown]
    axes.set_yticks(ticks, texts)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(place - APART + 0.1 - 0.5, -0.7)
    axes.set_xlim(0, longest_ns / divisor * 1.01 or 1.0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"time since the intended start ({unit})")
    plain_numbers(axes.xaxis)
    _explain(axes, [span for each in shown for span, _ in each.spans], colours)


class _Pen(NamedTuple):
    """Draws the bars of one request, whose first lane is `top`."""

    axes: Axes
    origin_ns: int
    divisor: float
    inches_per_ns: float
    top: float

    def bars(self, spans: Sequence[Span], lane: int, colour: str, **style: Any) -> None:
        ranges = [(self._place(span.start_ns), span.length_ns / self.divisor) for span in spans]
        self.axes.broken_barh(ranges, (self.top + lane - 0.4, 0.8), facecolor=colour, **style)

    def word(self, span: Span, lane: int, colour: str) -> None:
        """Write name and time into a bar, or the name alone, or nothing, as there is room."""
        inches = span.length_ns * self.inches_per_ns
        if inches < NARROWEST:
            return
        name = label(span.stage)
        for text in (f"{name}  {scaled_text(span.length_ns, self.divisor)}", name):
            if text_inches(text) < inches:
                place = (self._place((span.start_ns + span.end_ns) / 2), self.top + lane)
                self.axes.text(*place, text, size=SMALL - 1, color=colour, ha="center", va="center")
                return

    def _place(self, instant_ns: float) -> float:
        return (instant_ns - self.origin_ns) / self.divisor


def _draw_request(pen: _Pen, example: Example, colours: Mapping[str, str]) -> None:
    request = example.request
    intended, started, finished = (
        int(times[0]) for times in (request.intended_ns, request.started_ns, request.finished_ns)
    )
    service = Span("untracked", started, finished)
    pen.bars([service], 0, UNTRACKED, hatch=HATCH, edgecolor=INK, linewidth=0)
    groups: dict[tuple[str, int], list[Span]] = {}
    for span, lane in ((Span("queue", intended, started), 0), *example.spans):
        groups.setdefault((span.stage, lane), []).append(span)
    for (stage, lane), members in groups.items():
        gap = 0.4 if len(members) < CROWDED else 0.0
        pen.bars(members, lane, colours[stage], edgecolor="white", linewidth=gap)
        for span in members:
            pen.word(span, lane, contrasting(colours[stage]))


def _explain(axes: Axes, spans: Sequence[Span], colours: Mapping[str, str]) -> None:
    time_in: dict[str, int] = {}
    for span in spans:
        time_in[span.stage] = time_in.get(span.stage, 0) + span.length_ns
    most = sorted(time_in, key=time_in.__getitem__, reverse=True)[:IN_LEGEND]
    shown = [stage for stage in colours if stage in most]
    keys = [Patch(color=colours[stage]) for stage in ("queue", *shown)]
    keys.append(Patch(facecolor=UNTRACKED, hatch=HATCH, edgecolor=INK, linewidth=0))
    words = ["queue", *map(label, shown), "untracked"]
    if more := len(time_in) - len(shown):
        keys.append(Patch(alpha=0))
        words.append(f"and {count_text(more)} more")
    legend(axes, keys, words, WIDTH - 0.8)
