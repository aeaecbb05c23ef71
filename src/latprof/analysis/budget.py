"""A latency budget by stage: whether one run surely keeps it, surely breaks it, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.capacity import fewest, obstacle, overload, read
from latprof.analysis.columns import codes_of
from latprof.analysis.quantiles import needed_size
from latprof.errors import UsageError
from latprof.load.capacity.trial import Outcome, Reading
from latprof.run.vocabulary import STATUSES

if TYPE_CHECKING:
    from latprof.load.capacity.slo import Term
    from latprof.run.model import Run

__all__ = ["Budget", "judged", "needed_requests", "reading_text"]

_ALWAYS = frozenset({"queue", "untracked"})

# That all intervals of a budget together hold the truth. A suite runs many times a day: a target
# whose quantile is just at its limit then breaks the budget once in two hundred runs.
_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run says about a budget.

    Attributes:
        outcome: `fail` where the whole interval of some term lies beyond its limit, `pass` where
            that of every term keeps it; `undecided` where a limit lies inside an interval,
            `invalid` where the run says nothing about the target.
        reasons: Why it is no pass, each in words; none for a pass.
        readings: One for each term, in their order.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    readings: tuple[Reading, ...]


def judged(run: Run, terms: Sequence[Term]) -> Budget:
    """Judge a run by the terms of an SLO, whose intervals hold together with 99 % confidence.

    A request that failed fails the budget, unless a term says how many may.

    Args:
        run: A finished run.
        terms: As `load.capacity.slo.parse` reads them.

    Raises:
        UsageError: A term is about a stage that the run does not have.
    """
    if failed := _failures(run, terms):
        return Budget(Outcome.FAIL, (failed,), ())
    _refuse_unknown(run, terms)
    readings = read(run, terms, _confidence_of_each(terms))
    if overloaded := overload(run):
        return Budget(Outcome.FAIL, (overloaded,), readings)
    if hindered := obstacle(run):
        return Budget(Outcome.INVALID, (hindered,), readings)
    outcomes = [each.outcome for each in readings]
    outcome = next((each for each in (Outcome.FAIL, Outcome.UNDECIDED) if each in outcomes), None)
    if outcome is None:
        return Budget(Outcome.PASS, (), readings)
    told = tuple(reading_text(each) for each in readings if each.outcome is outcome)
    return Budget(outcome, told, readings)


def _confidence_of_each(terms: Sequence[Term]) -> float:
    """Return the confidence of one interval, by Bonferroni's inequality."""
    return 1 - (1 - _CONFIDENCE) / len(terms)


def needed_requests(terms: Sequence[Term]) -> int:
    """Return how many requests, independent of each other, can decide every term."""
    return fewest(terms, _confidence_of_each(terms))


def _failures(run: Run, terms: Sequence[Term]) -> str:
    """Return how many requests failed, in words; empty where none did, or a term limits that."""
    statuses = codes_of(run.table("requests", ["status"]), "status", STATUSES)
    failed = int(np.count_nonzero(statuses != STATUSES.index("ok")))
    counted = any(term.limit_ns is None for term in terms)
    if not failed or (counted and failed < statuses.size):
        return ""
    hint = "" if counted else "; to allow some, add a term: errors < 1%"
    return f"{failed} of {statuses.size} requests failed, {_first_error(run)}{hint}"


def _first_error(run: Run) -> str:
    errors = run.table("requests", ["error"])["error"].drop_null()
    return f"the first by {errors[0].as_py()}" if len(errors) else "none with an exception"


def _refuse_unknown(run: Run, terms: Sequence[Term]) -> None:
    known = [*run.stages, *sorted(_ALWAYS)]
    for term in terms:
        if term.stage is not None and term.stage not in known:
            raise UsageError(
                f"{term} is about a stage that never ran: choose among {', '.join(known)}"
            )


def reading_text(reading: Reading) -> str:
    """Return what a term was measured to be, and what follows.

    >>> from latprof.load.capacity.slo import parse
    >>> (term,) = parse("p95(tokenize) < 5ms")
    >>> reading_text(Reading(term, 4.9e6, 4.6e6, 5.3e6, 200.0, Outcome.UNDECIDED, 0.04))
    'p95(tokenize) is 4.90 ms [4.60 ms, 5.30 ms]: the limit of 5.00 ms lies inside'
    """
    return "".join(_said(reading))


def _said(reading: Reading) -> Iterator[str]:
    term, outcome = reading.term, reading.outcome
    yield reading.told
    if reading.value is not None:
        yield f" [{term.text(reading.low)}, {term.text(reading.high)}]"
    limit = term.text(term.limit)
    if outcome is not Outcome.UNDECIDED:
        yield f": {'below' if outcome is Outcome.PASS else 'not below'} {limit}"
    elif reading.value is not None and _is_bounded(reading):
        yield f": the limit of {limit} lies inside"
    else:
        needed = needed_size(term.q) if term.limit_ns is not None else 1
        yield (
            f": too few to decide on {limit}, "
            f"{reading.n_effective:.0f} independent requests; {term.name} needs {needed} and more"
        )


def _is_bounded(reading: Reading) -> bool:
    return reading.high is not None and bool(np.isfinite(reading.high))
