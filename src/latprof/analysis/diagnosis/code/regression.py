"""Regression: a stage takes longer than in the baseline, for the same input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.comparison import Decision, SpeedUp, speed_up
from latprof.analysis.diagnosis.drift.growth import worked
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.drift.drift import best_explanation
from latprof.analysis.drift.given import course_of
from latprof.analysis.drift.subject import Subject
from latprof.analysis.drift.subjects import Subjects
from latprof.analysis.parts import UNTRACKED
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["regression"]

Floats = npt.NDArray[np.float64]

_CAUSE = "regression"
_ROUNDS = 20  # stretches of either run, set against each other by their medians
_SMALLEST = 3  # requests
# Interleaved pairs tell 3 % apart. Two runs one after the other are not interleaved: medians of
# 1000 calls of one model wandered by a fifth on a shared machine.
_EFFECT = 0.2
_OTHERS = 3.0  # times the growth of the others: a slower machine slows all stages alike
_MATTERS = 0.1  # of the service time


class _Growth(NamedTuple):
    stage: str
    before: float  # median, ns
    after: float
    found: SpeedUp

    @property
    def rise(self) -> float:
        return self.after - self.before


def regression(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the stage that works longer than in the baseline, surely, and more than the others.

    Waits for a core are not counted, and inputs are weighed as the baseline's.
    """
    if case.baseline is None:
        yield Cleared(_CAUSE, "there is no baseline to compare with", known=False)
        return
    if min(case.n, case.baseline.n) < _ROUNDS * _SMALLEST:
        yield Cleared(_CAUSE, f"{_ROUNDS * _SMALLEST} requests of each run are needed", known=False)
        return
    grown = list(_all(case, case.baseline))
    slower = [each for each in grown if _is_own(each, grown)]
    if not slower:
        yield Cleared(_CAUSE, "no stage works longer than in the baseline by more than the others")
        return
    yield _suspicion(case, max(slower, key=lambda each: each.rise), grown)


def _all(case: Case, baseline: Case) -> Iterator[_Growth]:
    inputs = _inputs(case, baseline)
    for part in case.parts:
        times = _work(baseline, part), _work(case, part)
        if times[0] is None or times[1] is None:
            continue
        then, now = _for_one_input(inputs, times[0], times[1])
        found = speed_up(_rounds(then), _rounds(now), effect=_EFFECT)
        yield _Growth(part, float(np.median(then)), float(np.median(now)), found)


def _work(case: Case, part: str) -> Floats | None:
    """Return what a part worked in each request; None where a wait for a core may hide in it.

    Outside the stages nobody measures that wait by request: what all threads of the process
    waited, less what is known of the stages, is taken off each.
    """
    work = worked(case, part)
    if part == UNTRACKED:
        waited = case.signals.rate("threads_runqueue_s")
        waits = [wait for stage in case.stages if (wait := case.runqueue(stage)) is not None]
        if waited is None or not waits:
            return None if waits else np.maximum(work, 1.0)
        span_ns = float(case.requests.finished_ns.max() - case.requests.intended_ns.min())
        elsewhere = waited * span_ns - float(np.sum(waits))
        work = work - max(elsewhere, 0.0) / case.n
    # A part that is new grew from nothing: a nanosecond stands for it, as logs know no zero.
    return np.maximum(work, 1.0)


def _rounds(times: Floats) -> Floats:
    size = times.size // _ROUNDS
    return np.median(times[: size * _ROUNDS].reshape(1, _ROUNDS, size), axis=2)


def _is_own(growth: _Growth, grown: list[_Growth]) -> bool:
    """Return whether a part grew surely, by enough, and by itself."""
    whole = sum(each.before for each in grown)
    if growth.found.decision is not Decision.SLOWER or growth.rise < _MATTERS * whole:
        return False
    others = _others(growth, grown)
    return growth.rise / growth.before >= _OTHERS * max(others or 0.0, 0.0)


def _others(growth: _Growth, grown: list[_Growth]) -> float | None:
    """Return by which share the other parts grew together; None where there are none."""
    rest = [each for each in grown if each is not growth]
    before = sum(each.before for each in rest)
    return sum(each.rise for each in rest) / before if before > 0 else None


def _suspicion(case: Case, growth: _Growth, grown: list[_Growth]) -> Suspicion:
    before, after = duration_text(growth.before), duration_text(growth.after)
    found, stage = growth.found, growth.stage
    evidence = [
        Evidence(
            f"work of {stage}, then and now",
            f"{before}, {after} (x {1 / found.ratio:.2f} [{1 / found.high:.2f}, "
            f"{1 / found.low:.2f}])",
            f"above {share_text(_EFFECT)} more, interval without 1",
            "run.drift(baseline)",
        )
    ]
    others = _others(growth, grown)
    if others is not None:
        evidence.append(
            Evidence(
                "growth of the other parts",
                share_text(others),
                f"below a third of that of {stage}",
                "run.breakdown()",
            )
        )
    saved = worked(case, stage) * (1 - min(1.0, growth.before / growth.after))
    return Suspicion(
        cause=_CAUSE,
        stage=stage if stage in case.stages else "",
        summary=f"{stage} took {before} in the baseline and takes {after} for the same input",
        evidence=tuple(evidence),
        advice=f"Look at what changed in {stage} since the baseline: code, model, libraries, "
        "configuration",
        refuted_by="run the old version once more, beside the new one: if it is as slow, it is "
        "the machine",
        after_ns=case.without(saved),
        level="typical",
    )


def _inputs(case: Case, baseline: Case) -> list[tuple[Subject, Subject]]:
    """Return the numbers that requests of both runs carry, then and now."""
    now = {each.name: each for each in Subjects(case.run).attributes() if each.kind == "input"}
    return [
        (each, now[each.name])
        for each in Subjects(baseline.run).attributes()
        if each.name in now and not each.labels and not now[each.name].labels
        if each.values.size == baseline.n and now[each.name].values.size == case.n
    ]


def _for_one_input(
    inputs: list[tuple[Subject, Subject]], then: Floats, now: Floats
) -> tuple[Floats, Floats]:
    """Return the times as if all requests carried the baseline's usual input."""
    best = best_explanation([before for before, _ in inputs], then)
    course = None if best is None else course_of(best, then)
    if best is None or course is None:
        return then, now
    later = next(after for before, after in inputs if before is best)
    usual = float(np.median(then))
    return then * usual / course.of(best.values), now * usual / course.of(later.values)
