"""Single requests, instant by instant: a typical one beside those of the tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from latprof.analysis.measured import Requests, load_measured, load_requests
from latprof.analysis.quantiles import nearest_rank
from latprof.analysis.selftime import self_times
from latprof.report.colours import INK, UNTRACKED, contrasting, stage_colours
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
from latprof.units import count_text, duration_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["Span", "lanes", "waterfall_plot"]

SHOWN = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
ROW = 0.3  # inches of one lane
APART = 0.6  # of a lane between two requests
DEEPEST = 8  # lanes of a request; deeper nesting goes into the last one
CROWDED = 100  # bars of one stage in one lane: from here on, lines between them would hide them
NARROWEST = 0.15  # inches of a bar that can hold any word
BARE = 0.83  # of the width that the bars get at least, beside the names of the requests
IN_LEGEND = 12  # the stages that took most; a longer legend is not read


class Span(NamedTuple):
    """What a bar shows."""

    stage: str
    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.start_ns


def waterfall_plot(run: Run) -> Picture:
    """Return the stages of a few requests along time: p50, p95, p99 and the slowest."""
    requests = _shown_requests(run)
    examples = _examples(requests)
    requests = requests.pick(np.array(list(examples.values()), np.intp))
    spans = _spans_of(run, requests.request_id.tolist())
    laid = [lanes(spans[each]) for each in requests.request_id.tolist()]
    depths = [1 + max((lane for _, lane in each), default=0) for each in laid]
    figure = picture(1.7 + ROW * (sum(depths) + APART * len(depths)))
    titled(figure, _finding(list(examples), requests, spans), run)
    if examples:
        _draw(figure.subplots(), run, requests, list(examples), laid)
    return figure


def _shown_requests(run: Run) -> Requests:
    """Return the measured requests; where there are none, all of them."""
    measured = load_measured(run)
    return measured if measured.request_id.size else load_requests(run)


def _examples(requests: Requests) -> dict[str, int]:
    """Return which requests to show, by name: those at the ranks of the quantiles, and the last.

    In a small sample several names fall on one request, which then bears them all.
    """
    order = np.argsort(requests.latency_ns, kind="stable")
    if not order.size:
        return {}
    ranks = {name: nearest_rank(order.size, q) for name, q in SHOWN.items()}
    ranks["slowest"] = order.size
    names: dict[int, list[str]] = {}
    for name, rank in ranks.items():
        names.setdefault(int(order[rank - 1]), []).append(name)
    if order.size == 1:
        return {"the only one": 0}
    return {" = ".join(each): at for at, each in names.items()}


def _spans_of(run: Run, ids: Sequence[int]) -> dict[int, list[Span]]:
    table = run.table("spans", ["request_id", "stage", "start_ns", "end_ns"])
    table = table.filter(pc.is_in(table["request_id"], pa.array(ids, pa.int64())))
    spans: dict[int, list[Span]] = {each: [] for each in ids}
    for request, *span in zip(*(column.to_pylist() for column in table.columns), strict=True):
        spans[request].append(Span(*span))
    return spans


def lanes(spans: Sequence[Span]) -> list[tuple[Span, int]]:
    """Return each span with its lane: children under their parent, side by side apart.

    In order of their starts, longest first, each goes below all spans that are open around it.

    >>> [lane for _, lane in lanes([Span("a", 0, 9), Span("b", 1, 3), Span("c", 4, 8)])]
    [0, 1, 1]
    """
    laid: list[tuple[Span, int]] = []
    busy_until: list[int] = []
    for span in sorted(spans, key=lambda each: (each.start_ns, -each.end_ns)):
        open_lanes = (lane for lane, end in enumerate(busy_until) if end > span.start_ns)
        lane = min(max(open_lanes, default=-1) + 1, DEEPEST - 1)
        busy_until += [0] * (lane + 1 - len(busy_until))
        busy_until[lane] = max(busy_until[lane], span.end_ns)
        laid.append((span, lane))
    return laid


def _finding(names: Sequence[str], requests: Requests, spans: Mapping[int, list[Span]]) -> str:
    """Say which stage makes the slowest request shown slower than the typical one."""
    if not names:
        return "No request was recorded"
    if len(names) == 1:
        return f"One request of {duration_text(float(requests.latency_ns[0]))}"
    first, last = (_owned(requests.pick(np.array([at])), spans) for at in (0, -1))
    grown = {stage: last[stage] - first.get(stage, 0) for stage in last}
    stage = max(grown, key=grown.__getitem__)
    more = duration_text(float(requests.latency_ns[-1] - requests.latency_ns[0]))
    part = duration_text(grown[stage])
    return f"The slowest request takes {more} longer than p50: {label(stage)} +{part}"


def _owned(request: Requests, spans: Mapping[int, list[Span]]) -> dict[str, int]:
    """Return how long one request was in each stage, the innermost one counting."""
    ordered = sorted(spans[int(request.request_id[0])], key=lambda s: (s.start_ns, -s.end_ns))
    begin, end = int(request.started_ns[0]), int(request.finished_ns[0])
    starts, ends = (
        np.clip(np.array([span[at] for span in ordered], np.int64), begin, end) for at in (1, 2)
    )
    owned: dict[str, int] = {"queue": int(request.queue_ns[0])}
    for span, own_ns in zip(ordered, self_times(starts, ends).tolist(), strict=True):
        owned[span.stage] = owned.get(span.stage, 0) + own_ns
    return owned | {"untracked": int(request.latency_ns[0]) - sum(owned.values())}


def _draw(
    axes: Axes,
    run: Run,
    requests: Requests,
    names: Sequence[str],
    laid: Sequence[list[tuple[Span, int]]],
) -> None:
    colours = stage_colours(run.stages)
    longest_ns = float(requests.latency_ns.max())
    divisor, unit = time_unit(longest_ns / 10)
    inches_per_ns = WIDTH * BARE / longest_ns if longest_ns else 0.0
    place, ticks = 0.0, []
    for at, spans in enumerate(laid):
        ticks.append(place)
        pen = _Pen(axes, int(requests.intended_ns[at]), divisor, inches_per_ns, place)
        _draw_request(pen, requests, at, spans, colours)
        place += 1 + max((lane for _, lane in spans), default=0) + APART
    texts = [
        f"{name}\n{scaled_text(float(latency_ns), divisor)} {unit}"
        for name, latency_ns in zip(names, requests.latency_ns, strict=True)
    ]
    axes.set_yticks(ticks, texts)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(place - APART + 0.1 - 0.5, -0.7)
    axes.set_xlim(0, longest_ns / divisor * 1.01 or 1.0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"time since the intended start ({unit})")
    plain_numbers(axes.xaxis)
    _explain(axes, [span for spans in laid for span, _ in spans], colours)


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


def _draw_request(
    pen: _Pen,
    requests: Requests,
    at: int,
    spans: Sequence[tuple[Span, int]],
    colours: Mapping[str, str],
) -> None:
    intended, started, finished = (
        int(times[at])
        for times in (requests.intended_ns, requests.started_ns, requests.finished_ns)
    )
    service = Span("untracked", started, finished)
    pen.bars([service], 0, UNTRACKED, hatch=HATCH, edgecolor=INK, linewidth=0)
    groups: dict[tuple[str, int], list[Span]] = {}
    for span, lane in ((Span("queue", intended, started), 0), *spans):
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
