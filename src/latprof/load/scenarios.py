"""Scenarios: when requests are sent and when to stop, as plain values.

A scenario says what is wanted and knows no clock; `plan` turns it into what the driver carries
out. In a closed loop a request begins when one before it has finished, so its intended instant
is its start; in an open loop the intended instants are planned before the clock starts, and a
request that has to wait for a worker shows that wait as `queue`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError
from latprof.load import arrivals
from latprof.load.limits import pause_s, positive_s, rate, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.load.arrivals import Offsets

__all__ = ["Concurrent", "Constant", "Plan", "Poisson", "Scenario", "SingleStream"]


@dataclass(frozen=True)
class Plan:
    """What the driver carries out.

    Args:
        offsets: Open loop: the intended instants in ns after the start. Closed loop: None.
        count: The number of requests at most; None where only time ends the load.
        duration_ns: Closed loop: no request begins later than this after the start.
        workers: How many requests are in flight at most; None leaves it to the target: one for
            a function, no limit for a coroutine function.
        think_ns: Closed loop: a worker's pause between two requests.
    """

    offsets: Offsets | None = None
    count: int | None = None
    duration_ns: int | None = None
    workers: int | None = 1
    think_ns: int = 0


@dataclass(frozen=True, repr=False)
class Scenario(ABC):
    """What all scenarios share.

    Args:
        requests: Stop after this many. Where neither this nor `duration` is given, the load is
            one pass over the inputs.
        duration: Begin no request later than this many seconds after the start. With both
            given, whichever comes first ends the load.

    Raises:
        UsageError: A value is outside what the message names.
    """

    requests: int | None = field(default=None, kw_only=True)
    duration: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._check("requests", whole, optional=True)
        self._check("duration", positive_s, optional=True)

    def describe(self) -> dict[str, Any]:
        """Return the name and every parameter, as run.json keeps them.

        >>> SingleStream(requests=3).describe()
        {'name': 'SingleStream', 'requests': 3, 'duration': None}
        """
        shared = [each.name for each in fields(Scenario)]
        own = [each.name for each in fields(self) if each.name not in shared]
        return {"name": type(self).__name__} | {name: getattr(self, name) for name in own + shared}

    def __repr__(self) -> str:
        name, *parameters = self.describe().items()
        given = (f"{key}={value!r}" for key, value in parameters if value is not None)
        return f"{name[1]}({', '.join(given)})"

    @abstractmethod
    def plan(self, inputs: int, seed: int) -> Plan:
        """Return what to carry out over `inputs` inputs: a pure function of its arguments."""

    @property
    def _duration_ns(self) -> int | None:
        return None if self.duration is None else round(self.duration * 1e9)

    def _count(self, inputs: int) -> int | None:
        return inputs if self.requests is None and self.duration is None else self.requests

    def _check(
        self, name: str, check: Callable[[str, object], Any], *, optional: bool = False
    ) -> None:
        value = getattr(self, name)
        if not (optional and value is None):
            object.__setattr__(self, name, check(f"{type(self).__name__}({name}=)", value))


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

    >>> Concurrent(4, think=0.1, duration=30)
    Concurrent(n=4, think=0.1, duration=30.0)
    """

    n: int
    think: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("n", whole)
        self._check("think", pause_s)

    def plan(self, inputs: int, seed: int) -> Plan:  # noqa: ARG002 - nothing is drawn
        """Return `n` workers with their pause."""
        return Plan(
            count=self._count(inputs),
            duration_ns=self._duration_ns,
            workers=self.n,
            think_ns=round(self.think * 1e9),
        )


@dataclass(frozen=True, repr=False)
class _OpenLoop(Scenario):
    rate: float
    workers: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rate", rate)
        self._check("workers", whole, optional=True)

    def plan(self, inputs: int, seed: int) -> Plan:
        """Return the intended instants, drawn before the clock starts."""
        offsets = self._offsets(self._count(inputs), seed)
        if not len(offsets):
            raise UsageError(f"{self!r} plans no request: give a longer duration or a higher rate")
        return Plan(offsets=offsets, count=len(offsets), workers=self.workers)

    @abstractmethod
    def _offsets(self, count: int | None, seed: int) -> Offsets: ...


@dataclass(frozen=True, repr=False)
class Constant(_OpenLoop):
    """Open loop, requests at equal distances, whether or not the service keeps up.

    Args:
        rate: Requests a second, from 1e-6 to 1e9.
        workers: How many requests the service takes at once; the others wait, and that wait is
            their `queue`. By default one for a function, and no limit for a coroutine function.

    >>> Constant(50, duration=30)
    Constant(rate=50.0, duration=30.0)
    """

    def _offsets(self, count: int | None, seed: int) -> Offsets:  # noqa: ARG002 - nothing is drawn
        return arrivals.constant(self.rate, count=count, duration_ns=self._duration_ns)


@dataclass(frozen=True, repr=False)
class Poisson(_OpenLoop):
    """Open loop, requests at random as from many independent users.

    MLPerf's Server scenario (mlcommons/inference, loadgen/test_settings.h) has these arrivals.

    Args:
        rate: Requests a second on average, from 1e-6 to 1e9.
        workers: How many requests the service takes at once; the others wait, and that wait is
            their `queue`. By default one for a function, and no limit for a coroutine function.

    >>> Poisson(rate=50, requests=2_000).describe()["rate"]
    50.0
    """

    def _offsets(self, count: int | None, seed: int) -> Offsets:
        return arrivals.poisson(self.rate, seed, count=count, duration_ns=self._duration_ns)
