"""The headline: response time of the measured requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.measured import load_measured
from latprof.analysis.quantiles import quantile

if TYPE_CHECKING:
    from latprof.run.model import Quantile, Run

__all__ = ["latency"]


def latency(run: Run, q: float = 0.99, confidence: float = 0.95) -> Quantile:
    """Return a quantile of response time, `finished - intended`, over steady, answered requests.

    From the intended instant, so that the wait behind a stalled server counts ("coordinated
    omission" leaves it out: a 2 s stall in a minute at 100/s is 1.7 s of p99, or none at all).

    Args:
        run: What was recorded.
        q: Which quantile, in (0, 1).
        confidence: Chance that the interval holds the true quantile.

    Raises:
        UsageError: `q` or `confidence` is not in (0, 1).
    """
    return quantile(load_measured(run).latency_ns, q, confidence)
