"""The recorded load once more, as it was or under a change: latencies of any resample of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from latprof.analysis.whatif.arrivals import Arrivals
from latprof.analysis.whatif.batching import BatchCost, Policy, batched
from latprof.analysis.whatif.engine import Pauses, Servers, finishes

if TYPE_CHECKING:
    from latprof.analysis.whatif.recorded import Chosen

__all__ = ["Arm", "Gathered", "Queued", "Unqueued"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Arm(Protocol):
    """A load and who serves it."""

    def latencies(self, picked: Indices, *, anew: bool = False) -> Floats:
        """Return the latencies of those of the picked requests that count, in order of arrival.

        Args:
            picked: Indices into the run, in the order in which they come.
            anew: Whether arrivals are drawn anew, where it is known from what.
        """
        ...


@dataclass(frozen=True, slots=True)
class Unqueued:
    """Requests of which none waits for another, or whose waits stay as they are.

    Attributes:
        responses: Of each request, shape `(n,)`, in ns.
        counted: Which of them count.
    """

    responses: Floats
    counted: Chosen

    def latencies(self, picked: Indices, *, anew: bool = False) -> Floats:  # noqa: ARG002 - no arrivals
        """Return the latencies of those of the picked requests that count."""
        return self.responses[picked][self.counted[picked]]


@dataclass(frozen=True, slots=True)
class Queued:
    """Requests that come by a plan and wait for workers.

    Attributes:
        arrivals: When they come.
        services: At a factor of 1, shape `(n,)`, in ns.
        counted: Which of them count.
        here: Which of them come at all.
        servers: Who serves them.
        pauses: What workers take to begin.
    """

    arrivals: Arrivals
    services: Floats
    counted: Chosen
    here: Chosen
    servers: Servers
    pauses: Pauses | None = None

    def latencies(self, picked: Indices, *, anew: bool = False) -> Floats:
        """Return the latencies of those of the picked requests that count."""
        here = self.here[picked]
        instants = self.arrivals.anew(picked) if anew else self.arrivals.of(picked)
        arrivals = instants[here]
        kept = picked[here]
        pauses = None if self.pauses is None else self.pauses.pick(kept)
        through = finishes(arrivals, self.services[kept], self.servers, pauses)
        return np.asarray((through - arrivals)[self.counted[kept]])

    @property
    def busy(self) -> float:
        """How many workers are busy on average, were all requests served at a factor of 1."""
        whole = float(self.arrivals.gaps.sum())
        return float(self.services[self.here].sum() / whole) if whole > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """Requests that come by a plan and are served in batches.

    Attributes:
        arrivals: When they come.
        counted: Which of them count.
        here: Which of them come at all.
        cost: What a batch takes.
        policy: How they are gathered.
        servers: How many batches are served at once.
    """

    arrivals: Arrivals
    counted: Chosen
    here: Chosen
    cost: BatchCost
    policy: Policy
    servers: int = 1

    def latencies(self, picked: Indices, *, anew: bool = False) -> Floats:
        """Return the latencies of those of the picked requests that count."""
        here = self.here[picked]
        instants = self.arrivals.anew(picked) if anew else self.arrivals.of(picked)
        arrivals = instants[here]
        ratios = np.roll(self.cost.ratios, -int(picked[0]))
        through = batched(arrivals, ratios, self.cost, self.policy, self.servers)
        return np.asarray((through - arrivals)[self.counted[picked][here]])

    @property
    def busy(self) -> float:
        """How many servers are busy on average with full batches: the least there can be."""
        whole = float(self.arrivals.gaps.sum())
        size = self.policy.max_batch
        work = self.cost.of(size) / size * self.here.sum()
        return float(work / whole) if whole > 0 else 0.0
