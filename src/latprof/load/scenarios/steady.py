"""Open loops whose rate stays the same, and the one in which all requests are there at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latprof.load import arrivals
from latprof.load.limits import number, rate, whole
from latprof.load.scenarios.plan import Plan
from latprof.load.scenarios.scenario import OpenLoop

if TYPE_CHECKING:
    from latprof.load.arrivals import Offsets

__all__ = ["Constant", "Gamma", "Offline", "Poisson"]


@dataclass(frozen=True, repr=False)
class Constant(OpenLoop):
    """Open loop, requests at equal distances, whether or not the service keeps up.

    Args:
        rate: Requests a second, from 1e-6 to 1e9.
        workers: How many requests the service takes at once; the others wait, and that wait is
            their `queue`. By default one for a function, and no limit for a coroutine function.

    >>> Constant(50, duration=30)
    Constant(rate=50.0, duration=30.0)
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", rate)

    def _offsets(self, count: int | None, seed: int) -> Offsets:  # noqa: ARG002 - nothing is drawn
        return arrivals.constant(self.rate, count=count, duration_ns=self._duration_ns)


@dataclass(frozen=True, repr=False)
class Poisson(OpenLoop):
    """Open loop, requests at random as from many independent users.

    MLPerf's Server scenario (mlcommons/inference, loadgen/test_settings.h) has these arrivals.

    Args:
        rate: Requests a second on average, from 1e-6 to 1e9.
        workers: How many requests the service takes at once; the others wait, and that wait is
            their `queue`. By default one for a function, and no limit for a coroutine function.

    >>> Poisson(rate=50, requests=2_000).describe()["rate"]
    50.0
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", rate)

    def _offsets(self, count: int | None, seed: int) -> Offsets:
        return arrivals.poisson(self.rate, seed, count=count, duration_ns=self._duration_ns)


@dataclass(frozen=True, repr=False)
class Gamma(OpenLoop):
    """Open loop, requests in bursts, or evener than at random: gaps of a chosen spread.

    Args:
        rate: Requests a second on average, from 1e-6 to 1e9.
        cv: Standard deviation of the gaps over their mean, from 0.001 to 100: 1 is `Poisson`,
            more is burstier, less evener.
        workers: As those of `Poisson`.

    >>> Gamma(50, cv=3, duration=30)
    Gamma(rate=50.0, cv=3.0, duration=30.0)
    """

    rate: float
    cv: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", rate)
        self._check("cv", _cv)

    def _offsets(self, count: int | None, seed: int) -> Offsets:
        end = {"count": count, "duration_ns": self._duration_ns}
        return arrivals.gamma(self.rate, self.cv, seed, **end)


@dataclass(frozen=True, repr=False)
class Offline(OpenLoop):
    """All requests are there at once: how much the service gets through.

    MLPerf's Offline (mlcommons/inference, loadgen/test_settings.h): its metric is samples a second
    until the last answer, and the latency of a request is mostly its wait in this backlog.

    Args:
        batch: Each request takes a list of so many inputs, the last one of a pass what is left;
            a column `attr.samples` keeps how many. By default one input, not in a list.
        workers: As those of `Poisson`.
        requests: How many requests (lists, with `batch`); by default one pass over the inputs,
            with a duration too, which here only breaks the backlog off.

    >>> Offline(batch=32)
    Offline(batch=32)
    """

    batch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("batch", whole, optional=True)

    @property
    def most_inputs(self) -> int | None:
        """How many inputs are taken at most before they start over; None for all there are."""
        return None if self.requests is None else self.requests * (self.batch or 1)

    def plan(self, inputs: int, seed: int) -> Plan:
        """Return a backlog."""
        size = self.batch or 1
        one_pass = -(-inputs // size)
        offsets = self._offsets(self.requests or one_pass, seed)
        sizes = [size] * (one_pass - 1) + [inputs - size * (one_pass - 1)]
        return Plan(
            offsets=offsets,
            count=len(offsets),
            duration_ns=self._duration_ns,
            workers=self.workers,
            batch=self.batch,
            attributes={} if self.batch is None else {"samples": sizes},
        )

    def _offsets(self, count: int | None, seed: int) -> Offsets:  # noqa: ARG002 - nothing is drawn
        return np.zeros(count or 1, np.int64)


def _cv(what: str, value: object) -> float:
    accepted = "the spread of gaps over their mean, from 0.001 to 100 (for 0 take Constant)"
    return number(what, value, 1e-3, 100.0, accepted)
