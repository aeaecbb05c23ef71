"""What all scenarios share, and what those of an open loop share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from latprof.errors import UsageError
from latprof.load.limits import positive_s, whole
from latprof.load.scenarios.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.load.arrivals import Offsets

__all__ = ["OpenLoop", "Scenario"]


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

        >>> import latprof as lp
        >>> lp.SingleStream(requests=3).describe()
        {'name': 'SingleStream', 'requests': 3, 'duration': None}
        """
        shared = [each.name for each in fields(Scenario)]
        own = [each for each in fields(self) if each.name not in shared]
        names = [each.name for each in sorted(own, key=lambda each: bool(each.kw_only))] + shared
        return {"name": type(self).__name__} | {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        name, *parameters = self.describe().items()
        given = (f"{key}={value!r}" for key, value in parameters if value is not None)
        return f"{name[1]}({', '.join(given)})"

    @abstractmethod
    def plan(self, inputs: int, seed: int) -> Plan:
        """Return what to carry out over `inputs` inputs: a pure function of its arguments."""

    @property
    def most_inputs(self) -> int | None:
        """How many inputs are taken at most before they start over; None for all there are."""
        return self.requests

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

    def _refuse(self, why: str) -> UsageError:
        return UsageError(f"{self!r} {why}")


@dataclass(frozen=True, repr=False)
class OpenLoop(Scenario):
    """What scenarios share whose instants are planned before the clock starts.

    Args:
        workers: How many requests the service takes at once; the others wait, and that wait is
            their `queue`. By default one for a function, and no limit for a coroutine function.
        requests: As of every scenario.
        duration: As of every scenario.
    """

    workers: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("workers", whole, optional=True)

    def plan(self, inputs: int, seed: int) -> Plan:
        """Return the intended instants, drawn before the clock starts."""
        offsets = self._offsets(self._count(inputs), seed)
        if not len(offsets):
            raise self._refuse("plans no request: give a longer duration or a higher rate")
        return Plan(offsets=offsets, count=len(offsets), workers=self.workers)

    @abstractmethod
    def _offsets(self, count: int | None, seed: int) -> Offsets: ...
