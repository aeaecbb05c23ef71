"""Whether there is a steady state to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.phases import phases
from latprof.analysis.validity.facts import INVALID, NOTE, WARN
from latprof.run.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.validity.facts import Facts

__all__ = ["unsteady"]


def unsteady(facts: Facts) -> Iterator[Reason]:
    """Judge what the service times look like over the run."""
    if not facts.requests.request_id.size:
        return
    warmup = facts.manifest["warmup"]
    found = phases(facts.requests.service_ns, warmup)
    known = _UNSTEADY.get(found.steady_class)
    if known is None or (found.steady_class == "warm-up" and warmup == "auto"):
        return
    code, severity, next_step = known
    yield Reason(code, severity, f"service times: {found.evidence}", next_step)


_UNSTEADY = {
    "too short": (
        "too_short",
        NOTE,
        "send more requests to see whether the target warms up or drifts",
    ),
    "warm-up": (
        "warmup_too_short",
        WARN,
        'mark more requests as warm-up, or use warmup="auto"',
    ),
    "slowdown": (
        "slowdown",
        WARN,
        "look for throttling, a neighbour or growing state with run.timeline(), and run longer",
    ),
    "trend": (
        "trend",
        WARN,
        "percentiles depend on how long the run was: look for a leak or drifting inputs",
    ),
    "no steady state": (
        "no_steady_state",
        INVALID,
        "quieten the machine or fix what makes the target swing, then run longer",
    ),
}
