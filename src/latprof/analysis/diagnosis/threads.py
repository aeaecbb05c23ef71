"""What the threads of each stage did in each request: on a core, waiting for one, or blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN
from latprof.analysis.threadtime import amounts, kin

if TYPE_CHECKING:
    from latprof.analysis.blocks import Block, Spans

__all__ = ["StageTimes", "stage_times"]

Floats = npt.NDArray[np.float64]


class StageTimes(NamedTuple):
    """Of one stage in each request, in ns, shape `(n,)`; zero where it did not run.

    Attributes:
        wall: Time of its own threads, without that of stages inside it on the same thread.
        cpu: Of it, running.
        runqueue: Of it, ready to run without a core; None where the system does not tell.
    """

    wall: Floats
    cpu: Floats
    runqueue: Floats | None

    @property
    def blocked(self) -> Floats | None:
        """What is left: a lock, the GIL, a quota, a device or the network."""
        if self.runqueue is None:
            return None
        # The clocks of CPU time and of the wall disagree by microseconds.
        return np.maximum(self.wall - self.cpu - self.runqueue, 0.0)


def stage_times(spans: Spans, n: int) -> dict[str, StageTimes]:
    """Return the times of each stage of which they are known.

    Args:
        spans: Of the requests.
        n: How many requests there are.
    """
    sums = np.zeros((3, len(spans.names), n))
    has_runqueue = spans.has_runqueue
    for block in spans.blocks():
        _add(sums, block, has_runqueue=has_runqueue)
    known = np.flatnonzero(sums[1].any(axis=1) | sums[2].any(axis=1)).tolist()
    return {
        spans.names[code]: StageTimes(
            sums[0, code], sums[1, code], sums[2, code] if has_runqueue else None
        )
        for code in known
    }


def _add(sums: npt.NDArray[np.float64], block: Block, *, has_runqueue: bool) -> None:
    known = block.cpu_ns != UNKNOWN
    if has_runqueue:
        known &= block.runqueue_ns != UNKNOWN
    block = block.pick(known)
    child, parent = kin(block)
    for index, amount in enumerate(amounts(block)):
        np.add.at(sums[index], (block.stage, block.row), amount)
        np.subtract.at(sums[index], (block.stage[parent], block.row[parent]), amount[child])
    if not has_runqueue:
        sums[2] = 0.0
