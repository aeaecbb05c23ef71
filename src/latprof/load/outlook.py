"""What a plan and the counts of its recording come to at one instant of the load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from latprof.load.scenarios import Plan
    from latprof.recording.recorder import Counts

__all__ = ["Outlook", "outlook"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a load stands.

    Attributes:
        counts: What was recorded so far.
        elapsed_s: Since the load began.
        is_open: Whether requests are sent by a plan, not by whoever has got an answer.
        achieved: Requests finished per second; None before any time has passed.
        offered: Requests planned per second up to now; None in a closed loop, and before any time
            has passed.
        under_way: In an open loop, how many requests wait or are served; in a closed one, how
            many are served at most, None without a limit.
        share: How much of the plan is done, from 0 to 1.
        remaining_s: Until its end, if it goes on like this; None where that cannot be told.
    """

    counts: Counts
    elapsed_s: float
    is_open: bool
    achieved: float | None
    offered: float | None
    under_way: int | None
    share: float
    remaining_s: float | None


def outlook(plan: Plan, counts: Counts, elapsed_s: float) -> Outlook:
    """Return how a load stands `elapsed_s` after its begin."""
    done = counts.requests
    achieved = done / elapsed_s if elapsed_s else None
    offered, under_way = None, plan.workers
    if plan.offsets is not None:
        due = int(np.searchsorted(plan.offsets, elapsed_s * 1e9, "right"))
        offered = due / elapsed_s if elapsed_s else None
        under_way = max(0, due - done)
    remaining_s = _remaining_s(plan, done, elapsed_s, under_way or 0)
    return Outlook(
        counts,
        elapsed_s,
        plan.offsets is not None,
        achieved,
        offered,
        under_way,
        _share(plan, done, elapsed_s, remaining_s),
        remaining_s,
    )


def _remaining_s(plan: Plan, done: int, elapsed_s: float, under_way: int) -> float | None:
    each_s = elapsed_s / done if done else None
    ends = []
    if plan.duration_ns is not None:
        ends.append(plan.duration_ns / 1e9 - elapsed_s)
    if plan.offsets is not None and len(plan.offsets):
        last_s = float(plan.offsets[-1]) / 1e9 - elapsed_s
        ends.append(max(last_s, under_way * (each_s or 0.0)))
    elif plan.count is not None and each_s is not None:
        ends.append((plan.count - done) * each_s)
    return max(0.0, min(ends)) if ends else None


def _share(plan: Plan, done: int, elapsed_s: float, remaining_s: float | None) -> float:
    if plan.count and plan.duration_ns is None:
        return min(1.0, done / plan.count)
    if remaining_s is None or not elapsed_s:
        return 0.0
    return elapsed_s / (elapsed_s + remaining_s)
