"""When requests passed through each place, and what of it went one after the other.

A place is a stage, or the time before one that no stage covers. Of many requests the first some
ten thousand are looked at: whether they wait for each other shows in those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from latprof.analysis.columns import int64s, words
from latprof.analysis.identity import NOWHERE, Places

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Gaps", "Passages", "concurrency", "gaps", "overlap", "passages", "releases"]

MOST = 20_000

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


class Passages(NamedTuple):
    """Requests that passed a place, in order of their entry. All shape `(m,)`.

    Attributes:
        row: Which measured request.
        enter_ns: When it came.
        leave_ns: When it left.
    """

    row: Rows
    enter_ns: Int64s
    leave_ns: Int64s

    @property
    def length_ns(self) -> Floats:
        """How long each took."""
        return (self.leave_ns - self.enter_ns).astype(np.float64)

    def company(self) -> Int64s:
        """Return how many others were there when each came."""
        entered = np.searchsorted(self.enter_ns, self.enter_ns, "left")
        left = np.searchsorted(np.sort(self.leave_ns), self.enter_ns, "right")
        return np.asarray(np.maximum(entered - left, 0), np.int64)

    def turns(self) -> tuple[Floats, Floats]:
        """Return how long each waited and how long its turn was, were turns taken.

        A turn begins when the one that left before has left.
        """
        order = np.argsort(self.leave_ns, kind="stable")
        before = np.empty_like(self.leave_ns)
        before[order[1:]] = self.leave_ns[order[:-1]]
        before[order[:1]] = self.enter_ns[order[:1]]
        waited = np.maximum(before - self.enter_ns, 0)
        return waited.astype(np.float64), self.length_ns - waited


class Gaps(NamedTuple):
    """Time before a stage that no other one covers; `passages` of it, and of which stage."""

    before: str
    passages: Passages


def concurrency(case: Case) -> float:
    """Return how many requests were in service at once, on average while any was."""
    requests = case.requests
    begin, end = requests.started_ns[:MOST], requests.finished_ns[:MOST]
    busy = _union(begin, end)
    return float((end - begin).sum() / busy) if busy else 0.0


def overlap(begin_ns: Int64s, end_ns: Int64s) -> tuple[float, float]:
    """Return which share of some intervals lies in others, and which share would by chance.

    By chance: were they thrown on their time at random, then of a mean of A at once a share
    1 - exp(-A) of the time has any.
    """
    total = float((end_ns - begin_ns).sum())
    if total <= 0:
        return 0.0, 0.0
    at_once = total / max(float(end_ns.max() - begin_ns.min()), 1.0)
    found = 1 - _union(begin_ns, end_ns) / total
    return found, 1 - (1 - np.exp(-at_once)) / at_once


def _union(begin_ns: Int64s, end_ns: Int64s) -> float:
    """Return for how long there was any."""
    order = np.argsort(begin_ns, kind="stable")
    begin, end = begin_ns[order], np.maximum.accumulate(end_ns[order])
    before = np.concatenate([begin[:1], end[:-1]])
    return float(np.maximum(end - np.maximum(begin, before), 0).sum())


def passages(case: Case) -> dict[str, Passages]:
    """Return the passages through each stage, spans inside others left out."""
    row, start, end, stage, names = _spans(case)
    return {
        name: _in_order(row[chosen], start[chosen], end[chosen])
        for code, name in enumerate(names)
        if (chosen := stage == code).any()
    }


def gaps(case: Case) -> list[Gaps]:
    """Return the passages through the time before each stage, from what ended last before it."""
    row, start, end, stage, names = _spans(case)
    order = np.lexsort((start, row))
    row, start, end, stage = row[order], start[order], end[order], stage[order]
    first = np.concatenate([[True], row[1:] != row[:-1]])[: row.size]
    ended = np.concatenate([[0], end[:-1]])[: row.size]
    ended = np.where(first, case.requests.started_ns[row], ended)
    found = []
    for code, name in enumerate(names):
        chosen = (stage == code) & (start >= ended)
        if chosen.any():
            found.append(Gaps(name, _in_order(row[chosen], ended[chosen], start[chosen])))
    return found


def releases(case: Case) -> dict[str, Passages]:
    """Return what may end when a lock is given back: stages, and whole requests ("")."""
    requests = case.requests
    size = min(MOST, case.n)
    whole = _in_order(np.arange(size), requests.started_ns[:size], requests.finished_ns[:size])
    return {**passages(case), "": whole}


def _in_order(row: Rows, enter_ns: Int64s, leave_ns: Int64s) -> Passages:
    order = np.argsort(enter_ns, kind="stable")
    return Passages(row[order], enter_ns[order], leave_ns[order])


def _spans(case: Case) -> tuple[Rows, Int64s, Int64s, npt.NDArray[np.int64], list[str]]:
    columns = ["request_id", "parent_id", "stage", "start_ns", "end_ns"]
    table = case.run.table("spans", columns)
    table = table.filter(pc.is_null(table["parent_id"]))
    rows = Places(case.requests.request_id).of(int64s(table, "request_id"))
    codes, names = words(table, "stage")
    known = (rows != NOWHERE) & (rows < MOST)
    start, end = int64s(table, "start_ns"), int64s(table, "end_ns")
    return rows[known], start[known], end[known], codes[known].astype(np.int64), names
