"""How the threads of a stage spent its time: on the CPU, waiting for one, or blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN
from latprof.analysis.identity import NOWHERE, Places

if TYPE_CHECKING:
    from latprof.analysis.blocks import Block

__all__ = ["UNKNOWN_SHARES", "Shares", "ThreadTimes", "amounts", "kin", "shares"]

Int64s = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]


class Shares(NamedTuple):
    """Shares of the wall time that a stage's threads spent in it; NaN where unknown.

    Attributes:
        cpu: Running.
        runqueue: Ready to run, without a CPU.
        blocked: Neither: a lock, the GIL, a quota, a device or the network.
    """

    cpu: float
    runqueue: float
    blocked: float


UNKNOWN_SHARES = Shares(np.nan, np.nan, np.nan)


class ThreadTimes:
    """Own wall, CPU and run-queue time by stage, over the spans of which they are known.

    A span's own time is its time without that of its children on the same thread; a child on
    another thread spends that thread's time and takes nothing from its parent's. It is enough to
    take the children from the sum of their parents' stage. A child of which nothing is known
    stays with its parent, in the wall time too.

    Args:
        stages: How many stages there are.
        runqueue: Whether the system tells the time in the run queue.
    """

    def __init__(self, stages: int, *, runqueue: bool) -> None:
        self._sums = np.zeros((3, stages))
        self._runqueue = runqueue

    def add(self, block: Block) -> None:
        """Take in the spans of whole requests."""
        known = block.cpu_ns != UNKNOWN
        if self._runqueue:
            known &= block.runqueue_ns != UNKNOWN
        block = block.pick(known)
        child, parent = kin(block)
        above = block.stage[parent]
        stages = self._sums.shape[1]
        for index, amount in enumerate(amounts(block)):
            self._sums[index] += np.bincount(block.stage, weights=amount, minlength=stages)
            self._sums[index] -= np.bincount(above, weights=amount[child], minlength=stages)

    def shares(self) -> list[Shares]:
        """Return the shares of each stage."""
        return [
            shares(wall_ns, cpu_ns, runqueue_ns if self._runqueue else None)
            for wall_ns, cpu_ns, runqueue_ns in self._sums.T.tolist()
        ]


def shares(wall_ns: float, cpu_ns: float, runqueue_ns: float | None) -> Shares:
    """Return the shares of a wall time, which add up to one.

    Args:
        wall_ns: Of some threads; without any, nothing is known.
        cpu_ns: Of it, running.
        runqueue_ns: Of it, ready to run; None where the system does not tell.

    >>> shares(100.0, 25.0, 25.0)
    Shares(cpu=0.25, runqueue=0.25, blocked=0.5)
    """
    if wall_ns <= 0:
        return UNKNOWN_SHARES
    # The clocks disagree by some microseconds; shares stay in [0, 1] and sum to 1.
    cpu = min(max(cpu_ns, 0.0) / wall_ns, 1.0)
    if runqueue_ns is None:
        return Shares(cpu, np.nan, np.nan)
    runqueue = min(max(runqueue_ns, 0.0) / wall_ns, 1.0 - cpu)
    return Shares(cpu, runqueue, 1.0 - cpu - runqueue)


def kin(block: Block) -> tuple[Indices, Indices]:
    """Return the places of spans that have a parent on their own thread, and of these parents."""
    child = np.flatnonzero(block.parent_id != UNKNOWN)
    if not child.size:
        return child, child
    parent = Places(block.span_id).of(block.parent_id[child])
    kin = (parent != NOWHERE) & (block.thread_id[child] == block.thread_id[parent])
    return child[kin], parent[kin]


def amounts(block: Block) -> tuple[Int64s, Int64s, Int64s]:
    """Return wall, CPU and run-queue time of each span."""
    return block.end_ns - block.start_ns, block.cpu_ns, block.runqueue_ns
