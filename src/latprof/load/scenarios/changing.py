"""Open loops whose rate changes while they run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from latprof.errors import UsageError
from latprof.load import arrivals
from latprof.load.course import Course
from latprof.load.limits import choice, pause_s, positive_s, rate
from latprof.load.scenarios.scenario import OpenLoop

if TYPE_CHECKING:
    from latprof.load.arrivals import Offsets

__all__ = ["Ramp", "Spike", "Step"]

_WIDTH = 0.2  # of a spike, as a share of the whole
_ROUNDING = 1e-9
Rates = tuple[float, ...] | tuple[tuple[float, float], ...]


@dataclass(frozen=True, repr=False)
class _Changing(OpenLoop):
    arrivals: Literal["poisson", "constant"] = field(default="poisson", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("arrivals", choice("poisson", "constant"))

    def _offsets(self, count: int | None, seed: int) -> Offsets:
        seconds = self._seconds(count)
        ends_ns = None if self._ends_with_requests else round(seconds * 1e9)
        chance = seed if self.arrivals == "poisson" else None
        return arrivals.varying(self._course(seconds), chance, count=count, duration_ns=ends_ns)

    @property
    def _ends_with_requests(self) -> bool:
        return self.duration is None

    def _seconds(self, count: int | None) -> float:
        """Return how long the course is: the duration, or what `count` requests take."""
        if self.duration is not None:
            return self.duration
        seconds = (count or 1) / self._mean_rate
        return positive_s(f"{self!r}: requests over their mean rate", seconds)

    @property
    @abstractmethod
    def _mean_rate(self) -> float: ...

    @abstractmethod
    def _course(self, seconds: float) -> Course: ...


@dataclass(frozen=True, repr=False)
class Ramp(_Changing):
    """Open loop, a rate that grows or falls evenly: where does the service begin to give in?

    Args:
        start: Requests a second at the begin, from 1e-6 to 1e9.
        stop: Requests a second at the end of `duration`. With `requests` alone the ramp takes as
            long as they do at the mean of the two rates.
        arrivals: "poisson" for arrivals at random, "constant" for arrivals without chance.
        workers: As those of `Poisson`.

    >>> Ramp(10, 100, duration=60)
    Ramp(start=10.0, stop=100.0, arrivals='poisson', duration=60.0)
    """

    start: float
    stop: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("start", rate)
        self._check("stop", rate)

    @property
    def _mean_rate(self) -> float:
        return (self.start + self.stop) / 2

    def _course(self, seconds: float) -> Course:
        return Course([(seconds, self.start, self.stop)])


@dataclass(frozen=True, repr=False)
class Step(_Changing):
    """Open loop, one rate after the other.

    Args:
        rates: Requests a second, each from 1e-6 to 1e9: every one holds for an equal part of
            `duration`, or of the time that `requests` take at their mean. Or pairs of a rate and
            its seconds: then the load ends with the last of them, unless `requests` or `duration`
            end it before.
        arrivals: As those of `Ramp`.
        workers: As those of `Poisson`.

    >>> Step([10, 20, 40], duration=30)
    Step(rates=[10.0, 20.0, 40.0], arrivals='poisson', duration=30.0)
    >>> Step([(10, 5), (40, 1)]).describe()["rates"]
    [[10.0, 5.0], [40.0, 1.0]]
    """

    rates: Sequence[float] | Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("rates", _rates)

    def describe(self) -> dict[str, Any]:
        """Return the name and every parameter."""
        rates = [list(each) if isinstance(each, tuple) else each for each in self.rates]
        return super().describe() | {"rates": rates}

    def _count(self, inputs: int) -> int | None:
        return self.requests if self._total_s else super()._count(inputs)

    @property
    def _ends_with_requests(self) -> bool:
        return self.duration is None and not self._total_s

    @property
    def _total_s(self) -> float | None:
        """The seconds of all pairs; None for rates alone."""
        pairs = [each for each in self.rates if isinstance(each, tuple)]
        return sum(seconds for _, seconds in pairs) if pairs else None

    def _seconds(self, count: int | None) -> float:
        total_s = self._total_s
        return min(total_s, self.duration or total_s) if total_s else super()._seconds(count)

    @property
    def _mean_rate(self) -> float:
        return sum(float(each) for each in self.rates if not isinstance(each, tuple)) / len(
            self.rates
        )

    def _course(self, seconds: float) -> Course:
        part = seconds / len(self.rates)
        pairs = [each if isinstance(each, tuple) else (each, part) for each in self.rates]
        return Course([(length, held, held) for held, length in pairs])


@dataclass(frozen=True, repr=False)
class Spike(_Changing):
    """Open loop, a rate with a burst in the middle: how long does the service take to recover?

    Args:
        base: Requests a second before and after, from 1e-6 to 1e9.
        peak: Requests a second in between.
        at: Seconds until the burst begins; by default it lies in the middle.
        width: Seconds that it lasts; by default a fifth of the whole.
        arrivals: As those of `Ramp`.
        workers: As those of `Poisson`.
        requests: With these alone, the load takes as long as they do at the mean rate.

    >>> Spike(20, 200, duration=60, width=5)
    Spike(base=20.0, peak=200.0, width=5.0, arrivals='poisson', duration=60.0)
    """

    base: float
    peak: float
    at: float | None = None
    width: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("base", rate)
        self._check("peak", rate)
        self._check("at", pause_s, optional=True)
        self._check("width", positive_s, optional=True)

    def _seconds(self, count: int | None) -> float:
        if self.duration is not None or self.width is None:
            return super()._seconds(count)
        # What is left once the burst has taken its requests comes at the base rate.
        return self.width + max(0.0, (count or 1) - self.peak * self.width) / self.base

    @property
    def _mean_rate(self) -> float:
        return self.base + (self.peak - self.base) * _WIDTH

    def _course(self, seconds: float) -> Course:
        width = _WIDTH * seconds if self.width is None else self.width
        at = (seconds - width) / 2 if self.at is None else self.at
        if width > seconds or at + width > seconds * (1 + _ROUNDING):
            raise self._refuse(
                f"has its burst from {max(at, 0):g} s to {max(at, 0) + width:g} s, "
                f"beyond the {seconds:g} s of the load: move it with at= and width="
            )
        before = [(at, self.base, self.base)] if at > 0 else []
        return Course([*before, (width, self.peak, self.peak), (seconds, self.base, self.base)])


def _rates(what: str, value: object) -> Rates:
    """Return rates as a tuple, or pairs of rate and seconds as a tuple of tuples."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise UsageError(f"{what} takes rates, such as [10, 20, 40], not {value!r}")
    given = list(value)
    if not given:
        raise UsageError(f"{what} is empty: give at least one rate in requests a second")
    paired = [hasattr(each, "__len__") and not isinstance(each, str) for each in given]
    if not any(paired):
        return tuple(rate(what, each) for each in given)
    if not all(paired) or any(len(each) != 2 for each in given):
        raise UsageError(f"{what} takes rates, or pairs of a rate and its seconds, not {value!r}")
    return tuple((rate(what, held), positive_s(what, seconds)) for held, seconds in given)
