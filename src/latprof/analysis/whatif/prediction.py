"""What a what-if answers: quantiles under the change, each with a band, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from latprof.run.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["Forecast", "Prediction"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A quantile of latency before and after, in ns.

    Attributes:
        q: Which quantile.
        base_ns: As recorded.
        value_ns: As predicted.
        low_ns: Lower end of the 95 % band of `value_ns`.
        high_ns: Upper end.
        gain_low_ns: Lower end of the 95 % band of the gain.
        gain_high_ns: Upper end.
    """

    q: float
    base_ns: float
    value_ns: float
    low_ns: float
    high_ns: float
    gain_low_ns: float
    gain_high_ns: float

    @property
    def gain_ns(self) -> float:
        """What is gained; negative where it gets slower."""
        return self.base_ns - self.value_ns


@dataclass(frozen=True, repr=False)
class Prediction(Answer):
    """What would be if something were different. Made by `Run.what_if`.

    Attributes:
        target: What was recorded.
        change: What is different, in words.
        requests: How many recorded requests it stands on.
        forecasts: By name, `p50`, `p95` and `p99`, those that the run can carry.
        missing: By name, why a quantile is not among them.
        rate: Arrivals a second that it is for; None in a closed loop.
        workers: Requests served at once; None without a limit.
        busy: Share of the workers' time that would be taken; None in a closed loop.
        assumptions: What it takes for granted.
        shares: How much of the p50 and of the p99 that is gained each stage brings, in ns, where
            several are made faster: they add up to what the speed-ups gain together.
        refused: Why there is no answer, and what to record; None where there is one.
    """

    _told_by = "whatif"

    target: str
    change: tuple[str, ...]
    requests: int
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rate: float | None = None
    workers: int | None = None
    busy: float | None = None
    assumptions: tuple[str, ...] = ()
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    refused: str | None = None

    @property
    def p50(self) -> Forecast | None:
        """The median; None where it cannot be known."""
        return self.forecasts.get("p50")

    @property
    def p95(self) -> Forecast | None:
        """The 95th percentile; None where it cannot be known."""
        return self.forecasts.get("p95")

    @property
    def p99(self) -> Forecast | None:
        """The 99th percentile; None where it cannot be known."""
        return self.forecasts.get("p99")

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        from latprof.report.whatif import headline

        return headline(self)

    def table(self) -> pd.DataFrame:
        """Return one row a quantile.

        Indexed by its name; `base`, `value`, `lo`, `hi`, `gain`, `gain_lo`, `gain_hi` in ns
        (`attrs["unit"]`). Empty where it is refused.
        """
        from latprof.report.whatif import table

        return table(self)

    def __repr__(self) -> str:
        return f"<Prediction for {self.target}: {self.headline}>"
