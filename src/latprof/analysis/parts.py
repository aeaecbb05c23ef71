"""The rows of a breakdown before statistics: self times gathered from blocks of spans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.selftime import covered, painting_order, self_times, self_times_above
from latprof.analysis.threadtime import UNKNOWN_SHARES, Shares, ThreadTimes
from latprof.run.vocabulary import FIRST_ITEM, NEXT_ITEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.blocks import Block, Spans
    from latprof.analysis.measured import Requests
    from latprof.analysis.selftime import Line

__all__ = [
    "QUEUE",
    "TOTAL",
    "UNTRACKED",
    "Part",
    "columns_of_requests",
    "parts_of_requests",
    "parts_of_spans",
]

Int64s = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

QUEUE, UNTRACKED, TOTAL = "queue", "untracked", "total"

_FIRST_SEEN = 1000  # requests are enough to tell where in a request a stage usually begins


@dataclass(frozen=True, slots=True)
class Part:
    """What one row of the breakdown is made of.

    Attributes:
        stage: Its name.
        values: Self times per request, or per span in a run without requests, in arrival order.
        spans: How many spans there were.
        requests: How many requests ran it.
        inclusive_ns: Time with the stage open, its children included, over all requests.
        shares: What its threads did.
    """

    stage: str
    values: Int64s
    spans: int
    requests: int
    inclusive_ns: int
    shares: Shares = UNKNOWN_SHARES


def parts_of_requests(spans: Spans, requests: Requests) -> list[Part]:
    """Return queue, stages, untracked and total, over `requests`, whose spans are `spans`."""
    queue, untracked = requests.queue_ns, requests.service_ns
    stages = _gather(spans, untracked, by_request=True)
    for stage in stages:
        if stage.name == QUEUE:
            np.add.at(queue, np.concatenate(stage.rows), stage.values)
    return [
        _whole(QUEUE, queue),
        *(stage.part(stage.values.size) for stage in stages if stage.name != QUEUE),
        _whole(UNTRACKED, untracked),
        _whole(TOTAL, requests.latency_ns),
    ]


def columns_of_requests(spans: Spans, requests: Requests) -> Iterator[tuple[str, Int64s]]:
    """Yield queue, stages and untracked as columns that add up to the latency of each request.

    Args:
        spans: Those of `requests`.
        requests: Whatever requests.

    Yields:
        A name and the self time of each request, shape `(n,)`, 0 where it did not run the stage.
    """
    queue, untracked = requests.queue_ns, requests.service_ns
    stages = _gather(spans, untracked, by_request=True)
    for stage in stages:
        if stage.name == QUEUE:
            queue += stage.column(queue.size)
    yield QUEUE, queue
    for stage in stages:
        if stage.name != QUEUE:
            yield stage.name, stage.column(queue.size)
    yield UNTRACKED, untracked


def parts_of_spans(spans: Spans) -> list[Part]:
    """Return the stages of a run without requests."""
    return [stage.part(requests=0) for stage in _gather(spans, spans.line.lengths_ns)]


def _whole(stage: str, values: Int64s) -> Part:
    """Return a part that every request has."""
    return Part(stage, values, values.size, values.size, int(values.sum()))


@dataclass(slots=True)
class _Stage:
    """What has been gathered of one stage, block by block."""

    name: str
    shares: Shares = UNKNOWN_SHARES
    pieces: list[Int64s] = field(default_factory=list)
    rows: list[Indices] = field(default_factory=list)
    begins: list[Int64s] = field(default_factory=list)
    spans: int = 0
    inclusive_ns: int = 0

    @property
    def values(self) -> Int64s:
        return np.concatenate(self.pieces)

    def column(self, size: int) -> Int64s:
        """Return the value of each of `size` requests, 0 where it did not run the stage."""
        column = np.zeros(size, np.int64)
        column[np.concatenate(self.rows)] = self.values
        return column

    @property
    def usual_begin(self) -> float:
        return float(np.median(np.concatenate(self.begins)[:_FIRST_SEEN]))

    def part(self, requests: int) -> Part:
        return Part(self.name, self.values, self.spans, requests, self.inclusive_ns, self.shares)


class _Painted(NamedTuple):
    """The spans of a block in painting order. All shape `(n,)`; places are on the line."""

    row: Indices
    stage: npt.NDArray[Any]
    start: Int64s
    end: Int64s
    self_ns: Int64s


def _gather(spans: Spans, untracked: Int64s, *, by_request: bool = False) -> list[_Stage]:
    """Return the stages that occur, in the order in which they usually begin in a request.

    Args:
        spans: What to gather.
        untracked: Length of each request; what spans cover is taken from it, in place.
        by_request: Sum self times over each request; else each span stands for itself.
    """
    stages = [_Stage(name) for name in spans.names]
    times = ThreadTimes(len(stages), runqueue=spans.has_runqueue)
    below = [code for code, name in enumerate(spans.names) if name in (FIRST_ITEM, NEXT_ITEM)]
    for block in spans.blocks():
        times.add(block)
        painted = _paint(block, spans.line, below)
        np.subtract.at(untracked, painted.row, painted.self_ns)
        for code, at in _groups(painted.stage):
            _add(stages[code], painted, at, spans.line, by_request=by_request)
    for stage, shares in zip(stages, times.shares(), strict=True):
        stage.shares = shares
    return sorted((each for each in stages if each.spans), key=lambda each: each.usual_begin)


def _paint(block: Block, line: Line, below: list[int]) -> _Painted:
    start, end = (line.places(each, block.row) for each in (block.start_ns, block.end_ns))
    order = painting_order(start, block.start_ns, block.end_ns, block.span_id)
    start, end = start[order], end[order]
    row, stage = block.row[order], block.stage[order]
    if not below:
        return _Painted(row, stage, start, end, self_times(start, end))
    # The steps of a stream say what was waited for: what a producer in a thread of its own did
    # meanwhile, which may have begun before them, says more.
    own = self_times_above(start, end, np.isin(stage, below))
    return _Painted(row, stage, start, end, own)


def _groups(codes: npt.NDArray[Any]) -> Iterator[tuple[int, Indices]]:
    """Yield each code that occurs, with its places in order."""
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    for code, at in enumerate(np.split(order, ends[:-1])):
        if at.size:
            yield code, at


def _add(stage: _Stage, painted: _Painted, at: Indices, line: Line, *, by_request: bool) -> None:
    """Add the spans `at` of a stage to what has been gathered of it."""
    rows, start = painted.row[at], painted.start[at]
    first = np.flatnonzero(np.diff(rows, prepend=-1)) if by_request else np.arange(at.size)
    stage.spans += at.size
    stage.inclusive_ns += int(covered(start, painted.end[at]).sum())
    stage.pieces.append(np.add.reduceat(painted.self_ns[at], first))
    stage.rows.append(rows[first])
    if sum(each.size for each in stage.begins) < _FIRST_SEEN:
        stage.begins.append(line.since_begin(start[first], rows[first]))
