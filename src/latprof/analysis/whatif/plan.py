"""How many replicas a load takes, with an interval, or why that cannot be known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from latprof.run.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latprof.load.capacity.slo import Term

__all__ = ["CapacityPlan"]


@dataclass(frozen=True, repr=False)
class CapacityPlan(Answer):
    """Replicas that keep an SLO at a rate. Made by `latprof.plan_capacity`.

    Attributes:
        target: What was recorded.
        terms: The conditions of the SLO.
        rate: Requests a second over all replicas.
        workers: Requests that each serves at once.
        requests: How many recorded requests the plan stands on.
        replicas: How many it takes, as the run tells; 0 where it is refused.
        low: Fewest that may do, the lower end of the 95 % interval.
        high: How many do even so: the number to order.
        rate_each: The highest rate at which one replica keeps the SLO; NaN where refused.
        rate_each_low: Lower end of its interval.
        rate_each_high: Upper end.
        busy: Share of its workers' time that `rate_each` takes.
        expected: By term, the quantile in ns that `high` replicas would show.
        assumptions: What it takes for granted.
        refused: Why there is no answer, and what to record; None where there is one.
    """

    _told_by = "replicas"

    target: str
    terms: tuple[Term, ...]
    rate: float
    workers: int | None
    requests: int
    replicas: int = 0
    low: int = 0
    high: int = 0
    rate_each: float = math.nan
    rate_each_low: float = math.nan
    rate_each_high: float = math.nan
    busy: float = math.nan
    expected: Mapping[str, float] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    refused: str | None = None

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        from latprof.report.replicas import headline

        return headline(self)

    def __repr__(self) -> str:
        return f"<CapacityPlan for {self.target}: {self.headline}>"
