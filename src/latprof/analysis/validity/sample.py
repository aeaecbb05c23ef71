"""Whether the requests suffice: how many independent ones they are worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latprof.analysis.quantiles import quantiles
from latprof.analysis.validity.facts import INVALID, NOTE, WARN
from latprof.run.model import Reason
from latprof.units import count_text, counted_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["few"]

_P99_NEEDS = 500  # independent requests: 5 beyond it
_ALIKE = 20  # requests worth less than 1 in 20: more of them would not help


def few(facts: Facts) -> Iterator[Reason]:
    """Judge which percentiles the requests carry."""
    if not facts.requests.request_id.size:
        return
    n = facts.measured.request_id.size
    if not n:
        yield Reason(
            "few_samples",
            INVALID,
            "no request was answered in the steady phase",
            "send more requests, or mend the target",
        )
        return
    if facts.scenario == "Offline":
        yield Reason(
            "latency_of_a_backlog",
            NOTE,
            "all requests were there from the start, so each latency tells its place in the queue",
            "read the throughput: run.mlperf() gives it",
        )
        return
    severities = {0.5: INVALID, 0.95: WARN, 0.99: NOTE}
    found = quantiles(facts.measured.latency_ns, tuple(severities))
    lacking = [each for each in found if each.value_ns is None]
    if lacking:
        worth = min(each.n_effective for each in lacking)
        which = ", ".join(f"p{100 * each.q:.0f}" for each in lacking)
        yield Reason(
            "few_samples",
            severities[lacking[0].q],
            f"{counted_text(n, 'steady request')}, worth {worth:,.0f} independent ones, "
            f"do not carry {which}",
            f"send about {count_text(math.ceil(_P99_NEEDS * n / worth))} requests for a p99"
            if n < _ALIKE * worth
            else "find what makes neighbouring requests alike, a full queue or a drift, first",
        )
