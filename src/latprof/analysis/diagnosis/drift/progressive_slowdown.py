"""Progressive slowdown: a stage takes longer with every request that was served before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.drift.growth import worked
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.drift.drift import best_explanation
from latprof.analysis.drift.given import course_of
from latprof.analysis.drift.subjects import Subjects
from latprof.analysis.trend import Trend, find_trend
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["progressive_slowdown"]

Floats = npt.NDArray[np.float64]

_CAUSE = "progressive_slowdown"
_BLOCKS = 16  # long stretches, whose medians hardly depend on each other
_SMALLEST = 5  # the median of five shrugs a spike off
_SURE = (
    0.001  # of such an order by chance, as in `phases`; a step at half, by a neighbour, has 0.004
)
# A machine that slows down (a neighbour, the clock) slows all parts in proportion. A part that
# grows by half and by far more than the others does so by itself.
_GREW = 0.5
_OTHERS = 3.0  # times the growth of the others
_MATTERS = 0.1  # of the service time at the end
_LAST = 0.25  # of the requests, that stand for what it has come to


class _Climb(NamedTuple):
    part: str
    blocks: Floats  # what it took in each stretch of the run, ns
    trend: Trend

    @property
    def first(self) -> float:
        return float(np.median(self.blocks[:3]))

    @property
    def last(self) -> float:
        return float(np.median(self.blocks[-3:]))

    @property
    def rise(self) -> float:
        return self.last - self.first


def progressive_slowdown(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a part whose own time climbs through the run, given the input, beyond all others."""
    size = case.n // _BLOCKS
    if size < _SMALLEST:
        least = _BLOCKS * _SMALLEST
        yield Cleared(_CAUSE, f"{least} requests are needed to tell a climb", known=False)
        return
    weights = _given_input(case)
    climbs = [_climb(part, worked(case, part) * weights, size) for part in case.parts]
    climb = max(climbs, key=lambda each: each.rise)
    others = sum(each.rise for each in climbs) - climb.rise
    bases = sum(each.first for each in climbs) - climb.first
    if not _is_own(climb, others, bases) or climb.rise < _MATTERS * (others + bases + climb.last):
        yield Cleared(_CAUSE, "no part takes ever longer for the same input")
        return
    yield _suspicion(case, climb, others / bases if bases > 0 else None)


def _is_own(climb: _Climb, others: float, bases: float) -> bool:
    """Return whether a part climbs surely, by much, and by itself."""
    if climb.trend.rise <= 0 or climb.trend.p_value > _SURE:
        return False
    grew = climb.rise / max(climb.first, 1.0)
    return grew >= max(_GREW, _OTHERS * others / max(bases, 1.0))


def _suspicion(case: Case, climb: _Climb, others: float | None) -> Suspicion:
    ends = duration_text(climb.first), duration_text(climb.last)
    grew = climb.rise / max(climb.first, 1.0)
    evidence = [
        Evidence(
            f"time of {climb.part}, first to last requests",
            f"{ends[0]} to {ends[1]}",
            f"above {share_text(_GREW)} more, in order (p < {_SURE})",
            "run.timeline()",
        )
    ]
    if others is not None:
        evidence.append(
            Evidence(
                f"growth of {climb.part}, the other parts beside it",
                f"{share_text(grew)}, {share_text(others)}",
                f"above {_OTHERS:g} times theirs",
                "run.drift()",
            )
        )
    late = np.arange(case.n) >= round((1 - _LAST) * case.n)
    return Suspicion(
        cause=_CAUSE,
        stage=climb.part if climb.part in case.stages else "",
        summary=f"{_subject(case, climb)} takes ever longer: {ends[0]} at first, {ends[1]} at the "
        "end",
        evidence=tuple(evidence),
        advice=f"Find what {climb.part} keeps from request to request (a list, a cache, a file, a "
        "history) and bound it",
        refuted_by="restart the service and send the last inputs first: if they are as slow, "
        "nothing accumulates",
        before_ns=case.latency[late],
        after_ns=case.without(_saved(case, climb))[late],
        level="trend",
    )


def _subject(case: Case, climb: _Climb) -> str:
    return "it" if climb.part in case.stages else "what no stage covers"


def _climb(part: str, times: Floats, size: int) -> _Climb:
    blocks = np.median(times[times.size - _BLOCKS * size :].reshape(_BLOCKS, size), axis=1)
    return _Climb(part, blocks, find_trend(blocks))


def _saved(case: Case, climb: _Climb) -> Floats:
    """Return what each request saves when the part takes what it took at first."""
    places = (np.arange(_BLOCKS) + 0.5) * case.n / _BLOCKS
    level = np.interp(np.arange(case.n), places, climb.blocks)
    grown = np.divide(climb.first, level, out=np.ones(case.n), where=level > climb.first)
    return np.asarray(worked(case, climb.part) * (1 - grown))


def _given_input(case: Case) -> Floats:
    """Return by what each request is scaled, so that its input counts as a usual one."""
    inputs = [each for each in Subjects(case.run).attributes() if each.kind == "input"]
    best = best_explanation(inputs, case.service)
    course = None if best is None else course_of(best, case.service)
    if best is None or course is None:
        return np.ones(case.n)
    usual = course.of(best.values)
    return np.asarray(float(np.median(usual)) / usual)
