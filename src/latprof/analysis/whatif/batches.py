"""The batches of a run: how large they were, what they took, and how they were gathered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN, int64s
from latprof.analysis.identity import Places
from latprof.analysis.parts import QUEUE
from latprof.analysis.whatif.batching import BatchCost, Policy, cost_of

if TYPE_CHECKING:
    from latprof.analysis.whatif.recorded import Recorded

__all__ = ["Batches"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches in the order in which they began. Arrays have the shape `(m,)`.

    Attributes:
        sizes: Requests in each.
        took_ns: How long each was served.
        number: Which batch each request of the run was in, shape `(n,)`; -1 for none.
        policy: How requests were gathered, as their waits tell.
    """

    sizes: Int64s
    took_ns: Floats
    number: Int64s
    policy: Policy

    @classmethod
    def of(cls, recorded: Recorded) -> Batches | None:
        """Return the batches of a run; None where requests were served one by one."""
        ids = _ids(recorded)
        if not (ids != UNKNOWN).any() or not recorded.inner_waits.any():
            return None
        requests = recorded.requests
        begins = (requests.intended_ns + recorded.columns[QUEUE]).astype(np.int64)
        names, number = np.unique(ids, return_inverse=True)
        number = number.astype(np.int64) - (names[0] == UNKNOWN)
        inside = number >= 0
        count = int(number.max()) + 1
        sizes = np.bincount(number[inside], minlength=count)
        began, joined = (np.full(count, np.iinfo(np.int64).max) for _ in range(2))
        ended = np.zeros(count, np.int64)
        np.minimum.at(began, number[inside], begins[inside])
        np.minimum.at(joined, number[inside], requests.started_ns[inside])
        np.maximum.at(ended, number[inside], requests.finished_ns[inside])
        order = np.argsort(began, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(count)
        policy = _policy(sizes[order], began[order], joined[order], ended[order])
        moved = np.where(inside, place[np.maximum(number, 0)], UNKNOWN)
        return cls(sizes[order], (ended - began)[order].astype(np.float64), moved, policy)

    def cost(self, saved_ns: Floats) -> BatchCost | None:
        """Return what a batch takes by its size; None where that cannot be told.

        Args:
            saved_ns: What each request of the run would save; its batch saves their mean, since
                all of a batch wait for the same stages.
        """
        inside = self.number >= 0
        sums = np.bincount(self.number[inside], saved_ns[inside], minlength=self.sizes.size)
        took_ns = np.maximum(self.took_ns - sums / np.maximum(self.sizes, 1), 1.0)
        return cost_of(self.sizes, took_ns)


def _ids(recorded: Recorded) -> Int64s:
    table = recorded.run.table("requests", ["request_id", "batch_id"])
    places = Places(int64s(table, "request_id")).of(recorded.requests.request_id)
    return int64s(table, "batch_id")[places]


def _policy(sizes: Int64s, began: Int64s, joined: Int64s, ended: Int64s) -> Policy:
    """Return the largest batch, and how long one that was not full waited in an idle server."""
    largest = int(sizes.max())
    idle = np.concatenate(([True], ended[:-1] <= joined[1:]))
    partial = idle & (sizes < largest)
    waits = (began - joined)[partial if partial.any() else idle]
    return Policy(largest, float(np.median(waits)) if waits.size else 0.0)
