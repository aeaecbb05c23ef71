"""Closed loops: a request begins when one before it has finished."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from latprof.errors import UsageError
from latprof.load.limits import choice, pause_s, whole
from latprof.load.scenarios.plan import Plan
from latprof.load.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Concurrent", "IdleSweep", "MultiStream", "SingleStream"]

_DRAWN = 1 << 16
"""So many pauses are drawn; a longer load takes them over again."""
_MOST_PAUSES = 1 << 24


@dataclass(frozen=True, repr=False)
class SingleStream(Scenario):
    """Closed loop, one request at a time: the latency that nothing else disturbs.

    MLPerf's SingleStream (mlcommons/inference, loadgen/test_settings.h) with its stop rules left
    to `requests=` and `duration=`.

    >>> SingleStream(requests=200)
    SingleStream(requests=200)
    """

    def plan(self, inputs: int, seed: int) -> Plan:  # noqa: ARG002 - nothing is drawn
        """Return one worker without a pause."""
        return Plan(count=self._count(inputs), duration_ns=self._duration_ns)


@dataclass(frozen=True, repr=False)
class Concurrent(Scenario):
    """Closed loop, `n` users who each wait for their answer before they send again.

    The load slows down with the service: this shows how it scales, not what users of an open
    system would wait (for that take `Poisson`).

    Args:
        n: Users at once.
        think: Seconds between a user's answer and the next request.
        think_times: "constant", or "exponential" for times drawn with the mean `think`.

    >>> Concurrent(4, think=0.1, duration=30)
    Concurrent(n=4, think=0.1, think_times='constant', duration=30.0)
    """

    n: int
    think: float = 0.0
    think_times: Literal["constant", "exponential"] = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("n", whole)
        self._check("think", pause_s)
        self._check("think_times", choice("constant", "exponential"))

    def plan(self, inputs: int, seed: int) -> Plan:
        """Return `n` workers with their pause."""
        think_ns = round(self.think * 1e9)
        pauses = None
        if self.think_times == "exponential" and think_ns:
            drawn = np.random.default_rng(seed).standard_exponential(_DRAWN) * think_ns
            pauses = np.rint(drawn).astype(np.int64)
        return Plan(
            count=self._count(inputs),
            duration_ns=self._duration_ns,
            workers=self.n,
            think_ns=think_ns,
            pauses=pauses,
        )


@dataclass(frozen=True, repr=False)
class MultiStream(Scenario):
    """Closed loop, queries of several samples: the next when all of one are answered.

    MLPerf's MultiStream (mlcommons/inference, loadgen/test_settings.h): all samples of a query
    are issued at once and its latency is that of its slowest sample. Here each sample is a
    request, the column `batch_id` counts the queries, and every request of a query is intended
    for the instant at which it was issued.

    Args:
        samples: Samples of a query.
        workers: How many samples the service takes at once; the others of a query wait, and that
            wait is their `queue`. By default one for a function, and no limit for a coroutine
            function.
        requests: Stop after this many samples. Queries are whole: the number is rounded up.
        duration: Issue no query later than this many seconds after the start.

    >>> MultiStream(8, requests=800)
    MultiStream(samples=8, requests=800)
    """

    samples: int = 8
    workers: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("samples", whole)
        self._check("workers", whole, optional=True)

    @property
    def most_inputs(self) -> int | None:
        """How many inputs are taken at most before they start over; None for all there are."""
        return self._whole(self.requests)

    def plan(self, inputs: int, seed: int) -> Plan:  # noqa: ARG002 - nothing is drawn
        """Return whole queries."""
        return Plan(
            count=self._whole(self._count(inputs)),
            duration_ns=self._duration_ns,
            workers=self.workers,
            samples=self.samples,
        )

    def _whole(self, count: int | None) -> int | None:
        return None if count is None else -(-count // self.samples) * self.samples


@dataclass(frozen=True, repr=False)
class IdleSweep(Scenario):
    """Closed loop, one request at a time, each after the service was left idle for a while.

    Services are slow again after a pause: cores clock down, caches go to others, threads sleep.
    The gaps come in rounds, each in an order of its own drawn by the seed, so that a drift of the
    machine meets all of them alike. A column `attr.idle_s` keeps the gap before each request:
    `run.requests.groupby("attr.idle_s")`. The first request has none, since nothing was before.

    Args:
        gaps: Seconds without a request, each from 0.
        requests: Stop after this many: the first and at least one for each gap.
        duration: Begin no request later than this many seconds after the start.

    >>> IdleSweep(gaps=[0, 0.1, 1], requests=301)
    IdleSweep(gaps=[0.0, 0.1, 1.0], requests=301)
    """

    gaps: Sequence[float]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("gaps", _gaps)
        if self.requests is None and self.duration is not None and not any(self.gaps):
            raise self._refuse("never idles: give a gap above 0, or requests=")

    def describe(self) -> dict[str, object]:
        """Return the name and every parameter."""
        return super().describe() | {"gaps": list(self.gaps)}

    def plan(self, inputs: int, seed: int) -> Plan:
        """Return one worker and a pause before each of its requests."""
        count = self._count(inputs)
        gaps = self._drawn(count, seed)
        if len(gaps) < len(self.gaps):
            raise self._refuse(
                f"has {len(self.gaps)} gaps, and the load only {len(gaps) + 1} requests: "
                f"give requests={len(self.gaps) + 1} or more"
            )
        return Plan(
            count=count,
            duration_ns=self._duration_ns,
            pauses=np.rint(np.concatenate(([0.0], gaps)) * 1e9).astype(np.int64),
            attributes={"idle_s": [None, *gaps.tolist()]},
        )

    def _drawn(self, count: int | None, seed: int) -> NDArray[np.float64]:
        """Return the gaps before all requests but the first, in rounds."""
        needed = math.inf if count is None else count - 1
        if self.duration is not None and any(self.gaps):
            rounds = math.floor(self.duration / sum(self.gaps)) + 1  # each takes at least its gaps
            needed = min(needed, rounds * len(self.gaps))
        if needed > _MOST_PAUSES:
            raise self._refuse("plans too many pauses: lower requests= or duration=")
        rounds = -(-int(needed) // len(self.gaps))
        table = np.tile(np.array(self.gaps), (rounds, 1))
        drawn: NDArray[np.float64] = np.random.default_rng(seed).permuted(table, axis=1)
        return drawn.reshape(-1)[: int(needed)]


def _gaps(what: str, value: object) -> tuple[float, ...]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise UsageError(f"{what} takes seconds, such as [0, 0.1, 1], not {value!r}")
    gaps = tuple(pause_s(what, gap) for gap in value)
    if not gaps:
        raise UsageError(f"{what} is empty: give at least one gap in seconds, such as [0, 0.1, 1]")
    return gaps
