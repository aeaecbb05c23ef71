"""The plan: what a scenario comes to, as the driver carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latprof.load.arrivals import burstiness

if TYPE_CHECKING:
    from latprof.load.arrivals import Offsets
    from latprof.load.draw import Order

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What the driver carries out.

    Args:
        offsets: Open loop: the intended instants in ns after the start. Closed loop: None.
        count: The number of requests at most; None where only time ends the load.
        duration_ns: No request begins later than this after the start; None where the offsets
            or the count say when to end.
        workers: How many requests are in flight at most; None leaves it to the target: one for
            a function, no limit for a coroutine function.
        think_ns: Closed loop: a worker's pause between two requests.
        pauses: Closed loop: the pause in ns before each request, over and over, in place of
            `think_ns`.
        samples: Closed loop: so many requests are issued together, and the next ones when all of
            them are through; None for one after the other.
        batch: A request takes a list of so many inputs; None for one input, not in a list.
        order: Which input each request takes, over and over; None for one after the other.
        attributes: Of each request, what is known before it is sent, over and over; by name.
        notes: What run.json is to say of these arrivals.
    """

    offsets: Offsets | None = None
    count: int | None = None
    duration_ns: int | None = None
    workers: int | None = 1
    think_ns: int = 0
    pauses: NDArray[np.int64] | None = None
    samples: int | None = None
    batch: int | None = None
    order: Order | NDArray[np.int64] | None = None
    attributes: Mapping[str, Sequence[object]] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any] | None:
        """Return the arrivals as run.json keeps them; None for a closed loop.

        The rate and the coefficient of variation of the gaps are those of this very plan, not
        those that were asked for: few arrivals drawn by chance can be far from them.
        """
        if self.offsets is None:
            return None
        gaps = len(self.offsets) - 1
        seconds = float(self.offsets[-1] - self.offsets[0]) / 1e9
        return {
            "planned": len(self.offsets),
            "rate": gaps / seconds if seconds else None,
            "cv": burstiness(self.offsets),
            **self.notes,
        }
