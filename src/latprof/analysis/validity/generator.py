"""Whether the load was what it was meant to be: sent on time, at the planned rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.lateness import (
    at_rank,
    find_backlog,
    free_share,
    lateness,
    utilisation,
)
from latprof.analysis.validity.facts import INVALID, NOTE, WARN
from latprof.run.model import Reason
from latprof.units import count_text, counted_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.lateness import Int64s
    from latprof.analysis.validity.facts import Facts

__all__ = ["behind", "late", "paced_in_process", "unsorted"]

# From simulation of a queue at utilisation 0.7: a sender late by 5 % of a service time shifts
# the p50 from the intended instant by 2.5 %, one late by 25 % by 15 %. Up to 3 times the limits
# is a warning.
_LATE_P50, _LATE_P99, _RATE_SHORTFALL = 0.02, 0.05, 0.01
_WARN_UP_TO = 3

# At utilisation 0.9, an interval from 50 000 requests holds the true p99 in 86 of 100 runs only.
_BUSY = 0.9
_ENOUGH_WHEN_BUSY = 100_000
_FEWEST_FOR_RATE = 20

# All that is sent at once waits in a queue that is the scenario's own.
_FULL_BY_DESIGN = ("Offline", "MultiStream")

# Percentiles from the intended and from the sent instant further apart than this tell of another
# target.
_DIFFERS = 0.1

_LATE_ADVICE = {
    False: "lower the rate, take a quieter machine, or keep fewer threads of this process busy; "
    "an async target must not block its loop",
    True: "lower the rate, take a quieter machine, or allow the pacer real-time priority",
}


def late(facts: Facts) -> Iterator[Reason]:
    """Judge how late requests left, by shares of what was measured."""
    if not facts.measured.request_id.size or not facts.requests.queue_ns.any():
        return  # what starts at its instant was not late; a closed loop always does
    late_ns = lateness(facts.requests)[facts.requests.ok & facts.requests.steady]
    worst, texts = 0.0, []
    for q, limit in ((0.5, _LATE_P50), (0.99, _LATE_P99)):
        late, whole = at_rank(late_ns, q), at_rank(facts.measured.latency_ns, q)
        worst = max(worst, late / whole / limit if whole else 0.0)
        texts.append(f"p{100 * q:.0f} {duration_text(late)} of {duration_text(whole)}")
    if worst > 1:
        yield Reason(
            "late_sends",
            WARN if worst <= _WARN_UP_TO else INVALID,
            f"requests left late although {_free(facts)}: {', '.join(texts)}"
            f"{_blame(facts.measured.latency_ns, late_ns)}",
            _LATE_ADVICE[_pacing(facts) == "process"],
        )


def _free(facts: Facts) -> str:
    if _pacing(facts) == "process":
        return "a process of its own paced them"
    return "a worker was free"


def _blame(latency_ns: Int64s, late_ns: Int64s) -> str:
    """Say what is left once the lateness is taken off, where it makes a difference.

    What is late here found no queue: it waited for the load generator alone.
    """
    for q in (0.5, 0.99):
        whole, sent = at_rank(latency_ns, q), at_rank(latency_ns - late_ns, q)
        if whole - sent > _DIFFERS * sent:
            return (
                f"; from when it was sent, p{100 * q:.0f} is {duration_text(sent)}, not "
                f"{duration_text(whole)}: the difference is the load generator's, not the target's"
            )
    return ""


def _pacing(facts: Facts) -> str | None:
    driver = facts.manifest.get("driver")
    return driver.get("pacing") if isinstance(driver, dict) else None


def unsorted(facts: Facts) -> Iterator[Reason]:
    """Note where a trace was not in the order of its times."""
    arrivals = facts.manifest.get("arrivals")
    moved = arrivals.get("out_of_order") if isinstance(arrivals, dict) else None
    if isinstance(moved, int) and moved > 0:
        yield Reason(
            "trace_out_of_order",
            NOTE,
            f"{counted_text(moved, 'row')} of the trace had a time before that of the row above: "
            "requests were sent in the order of their times",
            "check that all rows of the trace come from one clock",
        )


def paced_in_process(facts: Facts) -> Iterator[Reason]:
    """Note where whoever waited for the instants shared a process with the target."""
    if _pacing(facts) != "in-process":
        return
    yield Reason(
        "paced_in_process",
        NOTE,
        "requests were paced inside the process of the target: what holds its interpreter, "
        "some 5 ms for each busy Python thread, also delays the next request",
        "with isolate=True a process of its own paces them",
    )


def behind(facts: Facts) -> Iterator[Reason]:
    """Judge whether the planned rate was achieved, and who failed it where it was not."""
    requests = facts.requests
    n = requests.request_id.size
    if n < _FEWEST_FOR_RATE or not requests.queue_ns.any() or facts.scenario in _FULL_BY_DESIGN:
        return  # a closed loop has no plan to fall behind
    busy = utilisation(requests)
    backlog = find_backlog(requests, lateness(requests))
    if backlog is not None and backlog.shortfall > _RATE_SHORTFALL:
        severity = WARN if backlog.shortfall <= _WARN_UP_TO * _RATE_SHORTFALL else INVALID
        rates = f"planned {rate_text(backlog.planned)}, achieved {rate_text(backlog.achieved)}"
        if busy >= _BUSY:
            yield Reason(
                "saturated",
                severity,
                f"{rates} with workers {share_text(busy)} busy: the queue grows as long as "
                f"the run lasts, to {duration_text(backlog.delay_ns)}",
                "lower the rate, add workers, or make the target faster",
            )
            return
        if 2 * backlog.late_ns > backlog.delay_ns:
            yield Reason(
                "rate_missed",
                severity,
                f"{rates} although workers were free",
                "lower the rate, or take a quieter machine",
            )
        elif (between := free_share(requests)) > busy:
            yield Reason(
                "rate_missed",
                severity,
                f"{rates} with workers {share_text(busy)} busy in the target, and for "
                f"{share_text(min(between, 1 - busy))} with what lies between two requests",
                "lower the rate: so many requests are more than the load generator can hand over",
            )
    if busy >= _BUSY and n < _ENOUGH_WHEN_BUSY:
        yield Reason(
            "near_saturation",
            WARN,
            f"workers were {share_text(busy)} busy: at this load percentiles swing from run to "
            f"run, and {count_text(n)} requests do not settle them",
            "lower the rate, or send 100,000 requests",
        )
