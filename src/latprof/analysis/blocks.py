"""The spans of the measured requests, a block of whole requests at a time.

What is computed from a block stays in the cache, and memory stays flat: ten million spans take
as long as ten times one million.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import int64s, words
from latprof.analysis.identity import NOWHERE, Places
from latprof.analysis.selftime import Line, clear_of_all_before

if TYPE_CHECKING:
    import pyarrow as pa

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["Block", "Spans", "load_spans", "load_spans_by_themselves"]

Int64s = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

_BATCH = 1 << 18
_AFTER_ALL = np.iinfo(np.int64).max


class Block(NamedTuple):
    """The spans of some whole requests, in any order. All shape `(n,)`.

    Attributes:
        row: Index of the request of each.
        stage: Index into the names of stages.
        start_ns: When it began.
        end_ns: When it ended.
        span_id: Identity; counts up as spans begin.
        parent_id: Identity of the span around it; `UNKNOWN` where there is none.
        thread_id: The thread it ran on.
        cpu_ns: CPU time of that thread meanwhile; `UNKNOWN` where not known.
        runqueue_ns: Its time in the run queue; `UNKNOWN` where not known.
    """

    row: Indices
    stage: npt.NDArray[Any]
    start_ns: Int64s
    end_ns: Int64s
    span_id: Int64s
    parent_id: Int64s
    thread_id: Int64s
    cpu_ns: Int64s
    runqueue_ns: Int64s

    def pick(self, chosen: npt.NDArray[np.bool_]) -> Block:
        """Return the chosen spans."""
        return self if chosen.all() else Block(*(column[chosen] for column in self))


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a run.

    Attributes:
        names: Stages by code.
        line: The requests that the spans belong to, end to end.
        batches: Rows of the table in file order, and the index of the request of each.
    """

    names: list[str]
    line: Line
    batches: list[tuple[pa.Table, Indices]]

    @property
    def has_runqueue(self) -> bool:
        """Whether the time in the run queue is known of any span."""
        return any(t["runqueue_ns"].null_count < t.num_rows for t, _ in self.batches)

    def blocks(self) -> Iterator[Block]:
        """Yield all spans that have a request, in the order of their requests."""
        lowest = [int(rows[rows != NOWHERE].min(initial=_AFTER_ALL)) for _, rows in self.batches]
        to_come = np.minimum.accumulate([_AFTER_ALL, *reversed(lowest)])[::-1][1:]
        open_blocks: list[Block] = []
        for (table, rows), next_row in zip(self.batches, to_come, strict=True):
            open_blocks.append(_block(table, rows).pick(rows != NOWHERE))
            if any((block.row < next_row).any() for block in open_blocks):
                block = Block(*map(np.concatenate, zip(*open_blocks, strict=True)))
                whole = block.row < next_row
                yield block.pick(whole)
                open_blocks = [] if whole.all() else [block.pick(~whole)]


def _block(table: pa.Table, rows: Indices) -> Block:
    stage, _ = words(table, "stage")
    return Block(rows, stage, *(int64s(table, name) for name in Block._fields[2:]))


def load_spans(run: Run, requests: Requests) -> Spans:
    """Return the spans of `requests`."""
    tables = list(_batches(run, "request_id"))
    if not tables:  # then millions of requests need not be laid out for them
        return Spans([], Line(np.empty(0, np.int64), np.empty(0, np.int64)), [])
    places = Places(requests.request_id)
    batches = [(table, places.of(int64s(table, "request_id"))) for table in tables]
    line = Line(requests.started_ns, requests.service_ns)
    return Spans(_names(batches), line, batches)


def load_spans_by_themselves(run: Run) -> Spans:
    """Return the spans of a run without requests.

    Each span that no other of its thread surrounds is taken for a request, with all that lies in
    it: the threads of such a run have nothing to do with each other.
    """
    tables = list(_batches(run))
    start, end, thread = (
        np.concatenate([np.empty(0, np.int64), *(int64s(table, name) for table in tables)])
        for name in ("start_ns", "end_ns", "thread_id")
    )
    rows, line = _outermost(start, end, thread)
    cuts = np.cumsum([table.num_rows for table in tables])[:-1]
    batches = list(zip(tables, np.split(rows, cuts), strict=True)) if tables else []
    return Spans(_names(batches), line, batches)


def _outermost(start: Int64s, end: Int64s, thread: Int64s) -> tuple[Indices, Line]:
    """Return in which outermost span each lies, numbered as they begin, and these spans."""
    threads = np.unique(thread)
    lane = Places(threads).of(thread)
    began, ended = np.full(threads.size, _AFTER_ALL), np.full(threads.size, -_AFTER_ALL)
    np.minimum.at(began, lane, start)
    np.maximum.at(ended, lane, end)
    lanes = Line(began, ended - began)
    places = lanes.places(start, lane)
    order = np.argsort(places, kind="stable")
    clear = clear_of_all_before(places[order], lanes.places(end, lane)[order])
    first = np.flatnonzero(clear)
    by_begin = np.argsort(start[order[first]], kind="stable")
    number = np.empty_like(by_begin)
    number[by_begin] = np.arange(first.size)
    rows = np.empty_like(order)
    rows[order] = number[np.cumsum(clear) - 1]
    began = start[order[first]]
    lasts = np.maximum.reduceat(end[order], first) - began if first.size else began
    return rows, Line(began[by_begin], lasts[by_begin])


def _batches(run: Run, *extra: str) -> Iterator[pa.Table]:
    table = run.table("spans", [*Block._fields[1:], *extra]).unify_dictionaries()
    return (table.slice(begin, _BATCH) for begin in range(0, table.num_rows, _BATCH))


def _names(batches: list[tuple[pa.Table, Indices]]) -> list[str]:
    return words(batches[0][0], "stage")[1] if batches else []
