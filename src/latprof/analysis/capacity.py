"""What a trial says about an SLO, and where a replay expects the highest rate that keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.blocks import load_spans
from latprof.analysis.effective import effective_size
from latprof.analysis.measured import Requests, load_requests
from latprof.analysis.parts import parts_of_requests
from latprof.analysis.quantiles import needed_size, quantile
from latprof.analysis.replay import Floats, highest_rate
from latprof.analysis.share import share_interval
from latprof.load.capacity.trial import Outcome, Reading
from latprof.run.model import Verdict

if TYPE_CHECKING:
    from latprof.load.capacity.slo import Term
    from latprof.run.model import Run

__all__ = ["expected_rate", "fewest", "obstacle", "overload", "read"]

Int64s = npt.NDArray[np.int64]

_ENDLESS = np.iinfo(np.int64).max
_FEWEST_EXCEEDANCES = 20  # expected beyond the limit in the shortest trial: p99 from 2 000
_SHORTEST = 1_000

# Judged here by the interval, which is wider than the run's verdict asks for; a full queue is the
# target's fault and a failed trial, not an invalid one.
_NO_OBSTACLE = {"errors", "few_samples", "saturated", "near_saturation"}


def read(run: Run, terms: Sequence[Term], confidence: float) -> tuple[Reading, ...]:
    """Return what each term of an SLO was in a run, over its steady requests.

    Args:
        run: A trial.
        terms: Conditions.
        confidence: Of the two-sided intervals that decide.
    """
    requests = load_requests(run)
    requests = requests.pick(requests.steady)
    stages = _stage_times(run, requests) if any(term.stage for term in terms) else {}
    return tuple(_reading(term, requests, stages, confidence) for term in terms)


def _stage_times(run: Run, requests: Requests) -> dict[str, Int64s]:
    answered = requests.pick(requests.ok)
    if not answered.request_id.size:
        return {}
    parts = parts_of_requests(load_spans(run, answered), answered)
    return {part.stage: part.values for part in parts}


def _reading(
    term: Term, requests: Requests, stages: dict[str, Int64s], confidence: float
) -> Reading:
    if term.limit_ns is None:
        return error_reading(~requests.ok, term, confidence)
    if term.stage is not None:
        return latency_reading(stages.get(term.stage, np.empty(0, np.int64)), term, confidence)
    values_ns = np.where(requests.ok, requests.latency_ns, _ENDLESS)
    return latency_reading(values_ns, term, confidence)


def latency_reading(values_ns: Int64s, term: Term, confidence: float) -> Reading:
    """Return what a term about latency was, from values in arrival order.

    Args:
        values_ns: Shape `(n,)`; the largest int64 for a request without an answer.
        term: A condition with a limit in ns.
        confidence: Of the interval.
    """
    limit_ns = term.limit
    found = quantile(values_ns, term.q, confidence)
    outcome = Outcome.UNDECIDED
    if found.low_ns is not None and found.low_ns >= limit_ns:
        outcome = Outcome.FAIL  # known from few values too, which may bound it from below only
    elif found.value_ns is not None and found.high_ns is not None and found.high_ns < limit_ns:
        outcome = Outcome.PASS
    share = float((values_ns >= limit_ns).mean()) if values_ns.size else 0.0
    value, low, high = map(_finite, (found.value_ns, found.low_ns, found.high_ns))
    return Reading(term, value, low, high, found.n_effective, outcome, share)


def _finite(value_ns: int | None) -> float | None:
    if value_ns is None:
        return None
    return np.inf if value_ns == _ENDLESS else float(value_ns)


def error_reading(failed: npt.NDArray[np.bool_], term: Term, confidence: float) -> Reading:
    """Return what a term about errors was.

    Args:
        failed: Which requests failed, in arrival order, shape `(n,)`.
        term: A condition on their share.
        confidence: Of the interval.
    """
    if not failed.size:
        return Reading(term, None, None, None, 0.0, Outcome.UNDECIDED, 0.0)
    share = float(failed.mean())
    size = effective_size(failed, 1 - share) if 0 < share < 1 else float(failed.size)
    low, high = share_interval(share, size, confidence)
    outcome = Outcome.UNDECIDED
    if high < term.allowed:
        outcome = Outcome.PASS
    elif low >= term.allowed:
        outcome = Outcome.FAIL
    return Reading(term, share, low, high, size, outcome, share)


def obstacle(run: Run) -> str:
    """Return why a trial says nothing about the target, in words; empty where it does.

    A late generator, dropped requests or a machine in turmoil: whatever makes a run INVALID, but
    for what the SLO judges itself.
    """
    return next(_reasons(run), "")


def _reasons(run: Run) -> Iterator[str]:
    for reason in run.validity.reasons:
        if reason.severity is Verdict.INVALID and reason.code not in _NO_OBSTACLE:
            yield f"{reason.code}: {reason.evidence}"


def overload(run: Run) -> str:
    """Return how the target fell behind the load, in words; empty where it kept up.

    Latency in a queue that grows has no quantile: it depends on how long the load was.
    """
    found = (each for each in run.validity.reasons if each.code == "saturated")
    return next((each.evidence for each in found), "")


def fewest(terms: Sequence[Term], confidence: float) -> int:
    """Return how many requests a trial needs before it can decide every term.

    Twenty expected beyond each limit; for errors, so many that none among them is a pass.
    """
    miss = (1 - confidence) / 2
    sizes = [_SHORTEST]
    for term in terms:
        if term.limit_ns is None:
            sizes.append(int(1.1 * np.log(miss) / np.log1p(-term.allowed)) + 1)
        else:
            sizes.append(max(round(_FEWEST_EXCEEDANCES / term.allowed), needed_size(term.q)))
    return max(sizes)


def expected_rate(
    services_ns: Int64s, terms: Sequence[Term], workers: int | None, seed: int
) -> float:
    """Return the rate up to which a replay keeps the terms on latency.

    Without a limit on workers nobody waits in a replay, and the rate is that of one worker: a
    place to begin, no more.

    Args:
        services_ns: Recorded at low load, shape `(n,)`.
        terms: Conditions; those on stages and errors say nothing about load, and are passed over.
        workers: How many requests are served at once; None for no limit.
        seed: Of the replay.
    """
    if not services_ns.any():
        services_ns = np.ones(1, np.int64)  # faster than the clock can tell
    if workers is None:
        return 1e9 / float(services_ns.mean())
    timed = [term for term in terms if term.limit_ns is not None and term.stage is None]

    def holds(responses_ns: Floats) -> bool:
        return all(_exceeding(responses_ns, term) <= term.allowed for term in timed)

    return highest_rate(services_ns, workers, holds, seed)


def _exceeding(responses_ns: Floats, term: Term) -> float:
    return float((responses_ns >= (term.limit_ns or 0.0)).mean())
