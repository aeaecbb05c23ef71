"""What MLPerf would report of a run: the values that `Run.mlperf` answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latprof.units import count_text, duration_text, rate_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EarlyStopping", "Mlperf", "Rule"]


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """What so many independent queries say of a percentile, with 99 % confidence.

    Attributes:
        n: How many there are.
        needed: How many it takes at least.
        over: How many may be discarded as above the estimate, itself counted; with a bound, how
            many are above it.
        value_ns: The estimate; None where queries are too few, or where a bound is given.
        met: Whether there are enough: for an estimate, or to be sure of the bound.
    """

    n: int
    needed: int
    over: int
    value_ns: int | None
    met: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a valid result, with what was found."""

    name: str
    asked: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.found}, asked {self.asked}: {'met' if self.met else 'not met'}"


@dataclass(frozen=True, slots=True)
class Mlperf:
    """What MLPerf would report of a run. Made by `Run.mlperf`.

    Attributes:
        scenario: MLPerf's name of it: SingleStream, MultiStream, Server or Offline.
        metric: What `value` is.
        value: Nanoseconds, or samples a second for Offline. Zero without a complete query.
        percentiles_ns: Of latency (of queries, for MultiStream), by their share.
        stopping: Early stopping as LoadGen has it, as if queries were independent; None for
            Offline, and for Server without a bound.
        effective: The same with the effective sample size: neighbours in a queue are alike.
        scheduled_rate: Requests a second as intended; None in a closed loop.
        completed_rate: Requests a second as answered.
        rules: What a valid result takes.
    """

    scenario: str
    metric: str
    value: float
    percentiles_ns: dict[float, int]
    stopping: EarlyStopping | None
    effective: EarlyStopping | None
    scheduled_rate: float | None
    completed_rate: float
    rules: tuple[Rule, ...]

    @property
    def valid(self) -> bool:
        """Whether all rules are met."""
        return all(rule.met for rule in self.rules)

    def __str__(self) -> str:
        told = rate_text(self.value) if self.scenario == "Offline" else duration_text(self.value)
        verdict = "VALID" if self.valid else "INVALID"
        head = f"MLPerf {self.scenario}: {self.metric} {told}, {verdict}"
        return "\n".join([head, *(f"  {line}" for line in self._lines())])

    def _lines(self) -> Iterator[str]:
        if self.stopping and self.stopping.value_ns is not None:
            yield _stopping_text("early stopping", self.stopping)
        if self.effective and self.effective.value_ns is not None:
            yield _stopping_text("as independent queries", self.effective)
        if self.scheduled_rate is not None:
            yield f"scheduled {rate_text(self.scheduled_rate)}"
        if self.completed_rate:
            yield f"completed {rate_text(self.completed_rate)}"
        yield from map(str, self.rules)


def _stopping_text(name: str, stopping: EarlyStopping) -> str:
    value = duration_text(stopping.value_ns or 0)
    return f"{name}: {value}, {stopping.over} of {count_text(stopping.n)} at or above it"
