"""A run as a Chrome trace, which Perfetto and chrome://tracing open: requests, signals, phases.

Each request is a track of its own with its stages nested in it. Spans that overlap without one
holding the other, as those of two threads do, cannot share a track: the later one gets another.

Format: Trace Event Format, nestable asynchronous events (`b`, `e`) and counters (`C`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from latprof import __version__
from latprof.analysis.columns import UNKNOWN, int64s

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["chrome"]

_ROWS = 65_536  # turned into Python objects at once


class _Bar(NamedTuple):
    """What one track shows for a while; `name` and `args` are JSON already.

    `identity` is that of a span and `UNKNOWN` for a request; `parent` is that of what holds it.
    """

    owner: int
    start_ns: int
    end_ns: int
    identity: int
    parent: int
    category: str
    name: str
    args: str


def chrome(run: Run) -> Iterator[str]:
    """Yield a run piece by piece as one JSON document.

    Times are microseconds since the first instant of the run. Spans outside requests are on tracks
    named `outside`.
    """
    origin = _origin(run)
    title = json.dumps(run.manifest["target"] or "recording")
    yield f'{{"displayTimeUnit":"ns","otherData":{{"exporter":"latprof {__version__}"}},\n'
    yield '"traceEvents":[\n'
    yield f'{{"ph":"M","pid":1,"name":"process_name","args":{{"name":{title}}}}}'
    yield from _tracks([_phases(run)], origin)
    bars = groupby(_bars(run), itemgetter(0))
    yield from _tracks((group for _, group in bars), origin)
    yield from _counters(run, origin)
    yield "\n]}\n"


def _origin(run: Run) -> int:
    firsts = [("requests", "intended_ns"), ("spans", "start_ns"), ("signals", "time_ns")]
    columns = (int64s(run.table(table, [name]), name) for table, name in firsts)
    return min((int(each.min()) for each in columns if each.size), default=0)


def _bars(run: Run) -> Iterator[_Bar]:
    """Yield requests and spans, those of a request together and what holds others first."""
    requests, spans = run.table("requests"), run.table("spans")
    owner = np.concatenate([int64s(requests, "request_id"), int64s(spans, "request_id")])
    start = np.concatenate([int64s(requests, "intended_ns"), int64s(spans, "start_ns")])
    end = np.concatenate([int64s(requests, "finished_ns"), int64s(spans, "end_ns")])
    parts = np.repeat([0, 1], [requests.num_rows, spans.num_rows])
    nobody = np.full(requests.num_rows, UNKNOWN)
    identity = np.concatenate([nobody, int64s(spans, "span_id")])
    parent = np.concatenate([nobody, int64s(spans, "parent_id")])
    # What takes no time as its parent ends comes before what only begins then.
    last = np.concatenate([np.zeros(requests.num_rows, bool), _at_ends(requests, spans)])
    order = np.lexsort((identity, parts, -end, ~last, start, owner))
    for first in range(0, order.size, _ROWS):
        rows = order[first : first + _ROWS]
        told = _told(requests, spans, rows)
        columns = (owner, start, end, identity, parent)
        places = zip(*(column[rows].tolist() for column in columns), strict=True)
        yield from (_Bar._make((*place, *words)) for place, words in zip(places, told, strict=True))


def _at_ends(requests: Any, spans: Any) -> Any:
    """Return which spans take no time and start as their parent, a span or a request, ends."""
    begin, end = int64s(spans, "start_ns"), int64s(spans, "end_ns")
    parent = int64s(spans, "parent_id")
    ends_of_spans = np.where(begin < end, end, UNKNOWN)
    of_span = _looked_up(parent, int64s(spans, "span_id"), ends_of_spans)
    of_request = _looked_up(
        np.where(parent == UNKNOWN, int64s(spans, "request_id"), UNKNOWN),
        int64s(requests, "request_id"),
        int64s(requests, "finished_ns"),
    )
    return (begin == end) & ((of_span == begin) | (of_request == begin))


def _looked_up(wanted: Any, identities: Any, values: Any) -> Any:
    """Return the value of each wanted identity, `UNKNOWN` where there is none."""
    order = np.argsort(identities, kind="stable")
    found = np.append(order, -1)[np.searchsorted(identities, wanted, sorter=order)]
    known = np.append(identities, UNKNOWN)[found] == wanted
    return np.where(known, np.append(values, UNKNOWN)[found], UNKNOWN)


def _told(requests: Any, spans: Any, rows: Any) -> Iterator[tuple[str, str, str]]:
    """Yield category, name and arguments of rows of requests, which come before those of spans."""
    count = requests.num_rows
    asked = requests.take(rows[rows < count]).to_pylist()
    inside = spans.select(["stage", "error"]).take(rows[rows >= count] - count)
    names = {each: json.dumps(each) for each in inside["stage"].unique().to_pylist()}
    stages = zip(inside["stage"].to_pylist(), inside["error"].to_pylist(), strict=True)
    of_requests = iter(asked)
    for is_request in (rows < count).tolist():
        if is_request:
            row = next(of_requests)
            args = {key: row[key] for key in row if not key.endswith("_ns")}
            args["waited_ns"] = row["started_ns"] - row["intended_ns"]
            yield "request", f'"request {row["request_id"]}"', json.dumps(args, default=str)
        else:
            stage, failed = next(stages)
            yield "stage", names[stage], '{"error":true}' if failed else "{}"


def _phases(run: Run) -> Iterator[_Bar]:
    table = run.table("requests", ["intended_ns", "finished_ns", "phase"])
    intended = int64s(table, "intended_ns")
    if not intended.size:
        return
    order = np.argsort(intended, kind="stable")
    words = np.asarray(table["phase"].to_pylist())[order]
    firsts = np.concatenate([[0], 1 + np.flatnonzero(words[1:] != words[:-1])])
    begins = intended[order][firsts].tolist()
    ends = [*begins[1:], int(int64s(table, "finished_ns").max())]
    for number, stretch in enumerate(zip(begins, ends, words[firsts].tolist(), strict=True)):
        begin, end, word = stretch
        yield _Bar(UNKNOWN, begin, end, number, UNKNOWN, "phase", json.dumps(word), "{}")


def _tracks(groups: Iterable[Iterable[_Bar]], origin: int) -> Iterator[str]:
    for bars in groups:
        open_bars: list[list[_Bar]] = []
        for bar in bars:
            lane = _lane(open_bars, bar)
            if lane == len(open_bars):
                open_bars.append([])
            stack = open_bars[lane]
            while stack and stack[-1].end_ns <= bar.start_ns and not _ends_with(stack[-1], bar):
                yield _end(stack.pop(), lane, origin)
            stack.append(bar)
            yield _begin(bar, lane, origin)
        for lane, stack in enumerate(open_bars):
            while stack:
                yield _end(stack.pop(), lane, origin)


def _lane(open_bars: list[list[_Bar]], bar: _Bar) -> int:
    """Return the first track on which nothing that is still open ends inside the bar.

    What takes no time as its parent ends is on the track of its parent.
    """
    if bar.start_ns == bar.end_ns:
        for lane, stack in enumerate(open_bars):
            if any(_ends_with(each, bar) for each in stack):
                return lane
    for lane, stack in enumerate(open_bars):
        holds = next((each for each in reversed(stack) if each.end_ns > bar.start_ns), None)
        if holds is None or holds.end_ns >= bar.end_ns:
            return lane
    return len(open_bars)


def _ends_with(holder: _Bar, bar: _Bar) -> bool:
    """Return whether a bar takes no time and is the last that its parent does."""
    return holder.end_ns == bar.start_ns == bar.end_ns and holder.identity == bar.parent


def _event(kind: str, bar: _Bar, lane: int, at_ns: int) -> str:
    owner = "outside" if bar.owner == UNKNOWN else bar.owner
    track = f"{bar.category if bar.category == 'phase' else owner}.{lane}"
    # Events of two categories never share a track, even with one id.
    category = "phase" if bar.category == "phase" else "request"
    return (
        f',\n{{"ph":"{kind}","cat":"{category}","id":"{track}","pid":1,"tid":1,'
        f'"ts":{at_ns / 1000:.3f},"name":{bar.name}'
    )


def _begin(bar: _Bar, lane: int, origin: int) -> str:
    return f'{_event("b", bar, lane, bar.start_ns - origin)},"args":{bar.args}}}'


def _end(bar: _Bar, lane: int, origin: int) -> str:
    return f"{_event('e', bar, lane, bar.end_ns - origin)}}}"


def _counters(run: Run, origin: int) -> Iterator[str]:
    for batch in run.table("signals").to_batches(max_chunksize=_ROWS):
        names = {each: json.dumps(each) for each in batch["signal"].unique().to_pylist()}
        columns = (batch[name].to_pylist() for name in ("time_ns", "signal", "value"))
        for at, name, value in zip(*columns, strict=True):
            if np.isfinite(value):  # JSON has no word for the others
                yield (
                    f',\n{{"ph":"C","pid":1,"ts":{(at - origin) / 1000:.3f},'
                    f'"name":{names[name]},"args":{{"value":{value!r}}}}}'
                )
