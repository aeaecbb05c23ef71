"""Batches: requests that are served together, in the rows of each of them.

The code that serves a batch runs once, inside the request that came first, the leader; there its
spans are recorded, CPU time and all. Each other request of the batch waited for the very same
stages, so it gets a copy of these spans: same begin, end and thread, its own identity, and no CPU,
run-queue or device time, which would be counted once for each request. The wait of each request
until its batch began becomes a span of the stage `queue`.

This happens on the recorder's thread, so that a batch costs the code under test no more than a
note.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from latprof.recording import core
from latprof.recording.rows import Rows

if TYPE_CHECKING:
    from latprof.recording.session import Session

__all__ = ["Batch", "Batches", "Member"]

Indices = npt.NDArray[np.intp]

QUEUE = "queue"
UNKNOWN = -1

# Identities of spans count up from 0: what is made here lies beyond those, and keeps to the rule
# that a parent has a smaller one. A copy carries the place of its request in the batch above the
# identity of its original.
_PLACE_BIT = 40
_FIRST_WAIT = 1 << 62
_NOT_YET = np.iinfo(np.int64).max


class Member(NamedTuple):
    """A request that waits for its batch, as it was when it joined.

    Attributes:
        request_id: Its id, or -1 outside any request.
        parent_id: The innermost span open in it, or -1.
        thread_id: The thread that it waits on.
        joined_ns: When it joined.
    """

    request_id: int
    parent_id: int
    thread_id: int
    joined_ns: int

    @classmethod
    def here(cls) -> Self:
        """Return the current request of this context, as it joins now."""
        request_id, span_id = core.current_request_id(), core.current_span_id()
        return cls(request_id, span_id, threading.get_native_id(), core.now_ns())


class Batch:
    """Requests that are served together.

    Args:
        members: Its requests in order of arrival, the leader first.
    """

    __slots__ = ("end_ns", "is_settled", "members", "start_ns")

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.end_ns = _NOT_YET
        self.is_settled = False
        self.start_ns = core.now_ns()

    def end(self) -> None:
        """Note that it was served."""
        self.end_ns = core.now_ns()


class Batches:
    """The batches of a recording that spans may still belong to."""

    def __init__(self) -> None:
        self._numbers = itertools.count()  # its next is atomic
        self._waits = itertools.count(_FIRST_WAIT)
        self._fresh: list[Batch] = []
        self._under_way: list[Batch] = []

    def begin(self, members: Sequence[Member], recorder: Session) -> Batch:
        """Return a batch that begins now, once its requests know of it."""
        batch_id = next(self._numbers)
        for member in members:
            if member.request_id != UNKNOWN:
                recorder.batch(member.request_id, batch_id)
                recorder.note(member.request_id, {"batch_size": len(members)})
        batch = Batch(members)  # last of all: what stands above is still the wait
        self._fresh.append(batch)
        return batch

    def shared(self, rows: Rows) -> Rows:
        """Return span rows with those that requests of batches have besides.

        Args:
            rows: All that were drained from the core this time; batches begun since may be known.
        """
        fresh = self._fresh[:]
        del self._fresh[: len(fresh)]
        batches = self._under_way + fresh
        if not batches:
            return rows
        rows = np.concatenate([rows, self._wait_rows(rows.dtype, fresh)])
        rows = np.concatenate([rows, _copies(rows, batches)])
        # A batch that ends after the rows were drained has spans among the next ones: it is kept
        # for one time more than it seems to need.
        self._under_way = [batch for batch in batches if not batch.is_settled]
        for batch in self._under_way:
            batch.is_settled = batch.end_ns != _NOT_YET
        return rows

    def _wait_rows(self, kind: np.dtype[Any], batches: Iterable[Batch]) -> Rows:
        core.stage(QUEUE)
        code = core.stage_names().index(QUEUE)
        waits = [
            (
                *(member.request_id, next(self._waits), member.parent_id),
                *(member.joined_ns, batch.start_ns),
                *(UNKNOWN, UNKNOWN, member.thread_id, code, 0),
            )
            for batch in batches
            for member in batch.members
            if member.request_id != UNKNOWN
        ]
        return np.array(waits, kind)


def _copies(rows: Rows, batches: Sequence[Batch]) -> Rows:
    """Return the copies of the leaders' spans for the other requests of their batches."""
    batches = [batch for batch in batches if len(batch.members) > 1]
    batches = [batch for batch in batches if batch.members[0].request_id != UNKNOWN]
    batches.sort(key=lambda batch: batch.members[0].request_id)
    if not batches:
        return rows[:0]
    span, batch = _shared_spans(rows, batches)
    members = np.array([member for batch in batches for member in batch.members], np.int64)
    sizes = np.array([len(batch.members) for batch in batches])
    leaders = np.cumsum(sizes) - sizes
    others = sizes[batch] - 1
    place = np.arange(others.sum()) - np.repeat(np.cumsum(others) - others, others) + 1
    request_id, parent_id, *_ = members[np.repeat(leaders[batch], others) + place].T
    copies: Rows = rows[np.repeat(span, others)]
    outermost = copies["parent_id"] == members[np.repeat(leaders[batch], others), 1]
    above = place.astype(np.int64) << _PLACE_BIT
    copies["request_id"] = request_id
    copies["span_id"] |= above
    copies["parent_id"] = np.where(outermost, parent_id, copies["parent_id"] | above)
    copies["cpu_ns"] = copies["runqueue_ns"] = UNKNOWN
    inside_requests: Rows = copies[request_id != UNKNOWN]
    return inside_requests


def _shared_spans(rows: Rows, batches: Sequence[Batch]) -> tuple[Indices, Indices]:
    """Return which rows belong to which batch: spans of its leader, while it was served.

    Args:
        rows: Any spans.
        batches: Ordered by leader. A request can lead several: those are looked at in turn.
    """
    leader = np.array([batch.members[0].request_id for batch in batches])
    start_ns, end_ns = np.array([(batch.start_ns, batch.end_ns) for batch in batches]).T
    first = np.searchsorted(leader, rows["request_id"])
    beyond = np.searchsorted(leader, rows["request_id"], "right")
    spans, owners = [], []
    for turn in range(int((beyond - first).max(initial=0))):
        span = np.flatnonzero(first + turn < beyond)
        owner = first[span] + turn
        begun, ended = rows["start_ns"][span], rows["end_ns"][span]
        inside = (begun >= start_ns[owner]) & (ended <= end_ns[owner])
        spans.append(span[inside])
        owners.append(owner[inside])
    none = np.empty(0, np.intp)
    return np.concatenate([none, *spans]), np.concatenate([none, *owners])
