"""How far a run can be trusted: typed reasons, each with what was measured and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.analysis.breakdown import breakdown_of
from latprof.analysis.columns import words
from latprof.analysis.devicetime import host_bound
from latprof.analysis.lateness import at_rank, find_backlog, lateness, utilisation
from latprof.analysis.measured import Requests, load_requests
from latprof.analysis.parts import QUEUE, TOTAL, UNTRACKED
from latprof.analysis.phases import phases
from latprof.analysis.quantiles import quantiles
from latprof.run.model import Reason, Validity, Verdict
from latprof.run.vocabulary import STATUSES
from latprof.units import count_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["judge"]

_NOTE, _WARN, _INVALID = Verdict.VALID, Verdict.WARN, Verdict.INVALID
_GRAVITY = (_NOTE, _WARN, _INVALID)

# Failed requests have no latency. From 1 % of them on, they may be the slowest 1 %, and the p99
# of the others describes survivors.
_FAILED_SHARE = 0.01
_LOST_SPANS_SHARE = 0.01

# From simulation of a queue at utilisation 0.7: a sender late by 5 % of a service time shifts
# the p50 from the intended instant by 2.5 %, one late by 25 % by 15 %. Up to 3 times the limits
# is a warning.
_LATE_P50, _LATE_P99, _RATE_SHORTFALL = 0.02, 0.05, 0.01
_WARN_UP_TO = 3

# At utilisation 0.9, an interval from 50 000 requests holds the true p99 in 86 of 100 runs only.
_BUSY = 0.9
_ENOUGH_WHEN_BUSY = 100_000
_FEWEST_FOR_RATE = 20

_P99_NEEDS = 500  # independent requests: 5 beyond it
_ALIKE = 20  # requests worth less than 1 in 20: more of them would not help

_UNTRACKED_SHARE = 0.05

_CUT_OFF = "interrupted"  # the error by which the driver closes what Ctrl-C found in flight


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the checks look at.

    Attributes:
        manifest: run.json.
        requests: All requests.
        measured: Those that were answered, in the steady phase.
        cut_off: How many requests were in flight when the user stopped the load.
        table: The breakdown.
    """

    manifest: dict[str, Any]
    requests: Requests
    measured: Requests
    cut_off: int
    table: pd.DataFrame


def judge(run: Run) -> Validity:
    """Return the verdict on a run: that of its gravest reason.

    Reasons of severity VALID are notes: they lower nothing, but the reader should know.

    Args:
        run: What was recorded.
    """
    requests = load_requests(run)
    measured = requests.pick(requests.ok & requests.steady)
    facts = _Facts(run.manifest, requests, measured, _cut_off(run), breakdown_of(run, requests))
    found = [reason for check in _CHECKS for reason in check(facts)]
    reasons = sorted(found, key=lambda reason: -_GRAVITY.index(reason.severity))
    return Validity(reasons[0].severity if reasons else _NOTE, tuple(reasons))


def _cut_off(run: Run) -> int:
    if not run.manifest["interrupted"]:
        return 0
    codes, names = words(run.table("requests", ["error"]), "error")
    return int((codes == names.index(_CUT_OFF)).sum()) if _CUT_OFF in names else 0


def _nothing(facts: _Facts) -> Iterator[Reason]:
    if not facts.requests.request_id.size and facts.table.empty:
        yield Reason(
            "empty",
            _INVALID,
            "no request and no span was recorded",
            "call the target inside the recording, or mark its work with latprof.stage",
        )


def _failed(facts: _Facts) -> Iterator[Reason]:
    n = facts.requests.status.size
    counts = np.bincount(facts.requests.status, minlength=len(STATUSES))
    errors, timeouts = (int(counts[STATUSES.index(word)]) for word in ("error", "timeout"))
    errors -= facts.cut_off
    if not errors + timeouts:
        return
    share = (errors + timeouts) / n
    yield Reason(
        "errors",
        _INVALID if share >= _FAILED_SHARE else _WARN,
        f"{count_text(errors)} errors and {count_text(timeouts)} timeouts in {count_text(n)} "
        f"requests ({share_text(share)}); latencies are those of the others",
        "look at run.requests.error and mend the target, or raise the timeout",
    )


def _dropped(facts: _Facts) -> Iterator[Reason]:
    rows = int((facts.requests.status == STATUSES.index("dropped")).sum())
    dropped = max(rows, facts.manifest["counts"]["dropped"])
    if dropped:
        yield Reason(
            "dropped",
            _INVALID,
            f"{count_text(dropped)} planned requests were never sent, as a rule the slow moments",
            "lower the rate, or give the load more workers",
        )


def _overflow(facts: _Facts) -> Iterator[Reason]:
    counts = facts.manifest["counts"]
    if counts["overflow"]:
        share = counts["overflow"] / (counts["overflow"] + counts["spans"])
        yield Reason(
            "overflow",
            _INVALID if share >= _LOST_SPANS_SHARE else _WARN,
            f"{count_text(counts['overflow'])} spans ({share_text(share)}) were lost: "
            "they came faster than they could be written",
            "record fewer or longer stages",
        )


def _cut_short(facts: _Facts) -> Iterator[Reason]:
    if facts.manifest["interrupted"]:
        yield Reason(
            "interrupted",
            _WARN,
            f"the load was stopped after {count_text(facts.requests.status.size)} requests",
            "run it again to its end, or take these numbers as those of a shorter run",
        )
    if facts.manifest["recovered"]:
        yield Reason(
            "recovered",
            _WARN,
            "the recording was killed; up to its last second is missing",
            "run it again if the end matters",
        )


def _few(facts: _Facts) -> Iterator[Reason]:
    if not facts.requests.request_id.size:
        return
    n = facts.measured.request_id.size
    if not n:
        yield Reason(
            "few_samples",
            _INVALID,
            "no request was answered in the steady phase",
            "send more requests, or mend the target",
        )
        return
    severities = {0.5: _INVALID, 0.95: _WARN, 0.99: _NOTE}
    found = quantiles(facts.measured.latency_ns, tuple(severities))
    lacking = [each for each in found if each.value_ns is None]
    if lacking:
        worth = min(each.n_effective for each in lacking)
        which = ", ".join(f"p{100 * each.q:.0f}" for each in lacking)
        yield Reason(
            "few_samples",
            severities[lacking[0].q],
            f"{count_text(n)} steady requests, worth {worth:,.0f} independent ones, "
            f"do not carry {which}",
            f"send about {count_text(math.ceil(_P99_NEEDS * n / worth))} requests for a p99"
            if n < _ALIKE * worth
            else "find what makes neighbouring requests alike, a full queue or a drift, first",
        )


def _unsteady(facts: _Facts) -> Iterator[Reason]:
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
        _NOTE,
        "send more requests to see whether the target warms up or drifts",
    ),
    "warm-up": (
        "warmup_too_short",
        _WARN,
        'mark more requests as warm-up, or use warmup="auto"',
    ),
    "slowdown": (
        "slowdown",
        _WARN,
        "look for throttling, a neighbour or growing state with run.timeline(), and run longer",
    ),
    "trend": (
        "trend",
        _WARN,
        "percentiles depend on how long the run was: look for a leak or drifting inputs",
    ),
    "no steady state": (
        "no_steady_state",
        _INVALID,
        "quieten the machine or fix what makes the target swing, then run longer",
    ),
}


def _late(facts: _Facts) -> Iterator[Reason]:
    if not facts.measured.request_id.size:
        return
    late_ns = lateness(facts.requests)[facts.requests.ok & facts.requests.steady]
    worst, texts = 0.0, []
    for q, limit in ((0.5, _LATE_P50), (0.99, _LATE_P99)):
        late, whole = at_rank(late_ns, q), at_rank(facts.measured.latency_ns, q)
        worst = max(worst, late / whole / limit if whole else 0.0)
        texts.append(f"p{100 * q:.0f} {duration_text(late)} of {duration_text(whole)}")
    if worst > 1:
        yield Reason(
            "late_sends",
            _WARN if worst <= _WARN_UP_TO else _INVALID,
            f"requests left late although a worker was free: {', '.join(texts)}",
            "lower the rate, take a quieter machine, or keep fewer threads of this process busy; "
            "an async target must not block its loop",
        )


def _behind(facts: _Facts) -> Iterator[Reason]:
    requests = facts.requests
    n = requests.request_id.size
    if n < _FEWEST_FOR_RATE or not requests.queue_ns.any():
        return  # a closed loop has no plan to fall behind
    busy = utilisation(requests)
    backlog = find_backlog(requests, lateness(requests))
    if backlog is not None and backlog.shortfall > _RATE_SHORTFALL:
        severity = _WARN if backlog.shortfall <= _WARN_UP_TO * _RATE_SHORTFALL else _INVALID
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
    if busy >= _BUSY and n < _ENOUGH_WHEN_BUSY:
        yield Reason(
            "near_saturation",
            _WARN,
            f"workers were {share_text(busy)} busy: at this load percentiles swing from run to "
            f"run, and {count_text(n)} requests do not settle them",
            "lower the rate, or send 100,000 requests",
        )


def _untracked(facts: _Facts) -> Iterator[Reason]:
    table = facts.table
    if UNTRACKED not in table.index:
        return
    if not set(table.index) - {QUEUE, UNTRACKED, TOTAL}:
        yield Reason(
            "no_stages",
            _NOTE,
            "no stage was recorded inside the requests",
            "name the stages of the target with latprof.instrument or latprof.stage",
        )
        return
    untracked_ns = int(table["sum"][UNTRACKED])
    service_ns = int(facts.measured.service_ns.sum())
    share = untracked_ns / service_ns if service_ns else 0.0
    if share >= _UNTRACKED_SHARE:
        yield Reason(
            "untracked",
            _NOTE,
            f"{share_text(share)} of the service time lies in no stage",
            "add stages until less than 5 % is left",
        )


def _host_bound(facts: _Facts) -> Iterator[Reason]:
    table = facts.table
    for stage in host_bound(table):
        issue, device = (float(table[name][stage]) for name in ("issue_mean", "device_mean"))
        yield Reason(
            "host_bound",
            _NOTE,
            f"{stage} is host-bound: the host takes {duration_text(issue)} to issue what the "
            f"device has done {duration_text(device)} after its first mark",
            "issue less at a time: a CUDA graph, torch.compile, larger batches, fewer small steps",
        )


def _device_problem(facts: _Facts) -> Iterator[Reason]:
    problem = facts.manifest.get("device_problem")
    if problem:
        yield Reason(
            "device_times_lost",
            _WARN,
            f"the clock on the device failed: {problem}",
            "device times are missing from then on: start a new process and record again",
        )


_CHECKS: tuple[Callable[[_Facts], Iterator[Reason]], ...] = (
    _nothing,
    _failed,
    _dropped,
    _overflow,
    _cut_short,
    _late,
    _behind,
    _unsteady,
    _few,
    _untracked,
    _host_bound,
    _device_problem,
)
