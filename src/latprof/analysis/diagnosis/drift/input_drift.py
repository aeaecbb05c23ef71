"""Input drift: what requests carry has changed, and with it what they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from latprof.analysis.diagnosis.drift.growth import at_work, grown_part
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.drift.change import together
from latprof.analysis.drift.drift import ERROR, best_explanation
from latprof.analysis.drift.given import Course, course_of
from latprof.analysis.drift.subject import Subject
from latprof.analysis.drift.subjects import Subjects
from latprof.units import count_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case
    from latprof.analysis.drift.population import Shift

__all__ = ["input_drift"]

Floats = npt.NDArray[np.float64]

_CAUSE = "input_drift"
_LARGE = 0.25  # Siddiqi, Credit Risk Scorecards, ch. 8: from here on, a shift calls for action
_LONGER = 0.1  # of the service time, by the input alone; less is not worth a finding
_WHOLE = 100  # numbers from here on are told without fractions
_MOST = 0.5  # of what the service time grew by has to follow from the input


class _Mixes(NamedTuple):
    """An attribute in two lots of requests.

    Attributes:
        attribute: Of the measured requests of the run.
        before: Its values in the earlier lot.
        late: Which of the measured requests make the later lot.
        service_before: Time that requests of the earlier lot were worked on.
        course: The usual service time by the attribute.
        where: What the earlier lot is, in words.
    """

    attribute: Subject
    before: Floats
    late: npt.NDArray[np.bool_]
    service_before: Floats
    course: Course
    where: str


def input_drift(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the input where its distribution moved and the service time followed it."""
    found = _within(case) if case.baseline is None else _since(case, case.baseline)
    if found is None:
        yield Cleared(_CAUSE, "no attribute that explains the service time changed")
        return
    shift = found.attribute.shift(found.before, found.attribute.values[found.late])
    usual = np.median(found.course.of(found.before))
    now = np.median(found.course.of(found.attribute.values[found.late]))
    if not shift.psi >= _LARGE or now < (1 + _LONGER) * usual:
        yield Cleared(
            _CAUSE, f"{found.attribute.name} hardly changed, or costs no more than before"
        )
        return
    grew = float(np.median(at_work(case)[found.late]) - np.median(found.service_before))
    if grew > (now - usual) / _MOST:
        yield Cleared(_CAUSE, f"the service time grew by more than {found.attribute.name} explains")
        return
    yield _suspicion(case, found, shift, (float(usual), float(now)))


def _suspicion(case: Case, found: _Mixes, shift: Shift, usual: tuple[float, float]) -> Suspicion:
    name = found.attribute.name
    carried = _carried(found)
    saved = np.zeros(case.n)
    saved[found.late] = _saved(case.service[found.late], found)
    part = grown_part(case, found.late) if not found.late.all() else _largest(case)
    before, now = (duration_text(each) for each in usual)
    ratio = np.median(at_work(case)[found.late]) / np.median(found.service_before)
    moved = f"index {shift.psi:.2f}" + (f", KS {shift.ks:.2f}" if shift.ks == shift.ks else "")
    return Suspicion(
        cause=_CAUSE,
        stage=part if part in case.stages else "",
        summary=f"{carried}, and requests take {ratio:.1f} times as long",
        evidence=(
            Evidence(f"shift of {name}", moved, f"an index above {_LARGE}", "run.drift()"),
            Evidence(
                f"usual service time of such {name}",
                f"{now}, {before} {found.where}",
                f"above {share_text(_LONGER)} more",
                f'run.slices(by="{name}")',
            ),
        ),
        advice="Size the service for the inputs that come now, or limit, batch or route the large "
        "ones; its code is as fast as before",
        refuted_by=f"send requests with the {name} of before: if they take as long, it is not the "
        "input",
        before_ns=case.latency[found.late],
        after_ns=case.without(saved)[found.late],
        level="trend" if case.baseline is None else "typical",
    )


def _carried(found: _Mixes) -> str:
    """Return in words how the attribute differs."""
    name = found.attribute.name
    if found.attribute.labels:
        return f"another mix of {name} comes than {found.where}"
    lots = found.before, found.attribute.values[found.late]
    before, now = (_number(float(np.median(each))) for each in lots)
    return f"{name} of the middle request went from {before} {found.where} to {now}"


def _number(value: float) -> str:
    return count_text(round(value)) if value >= _WHOLE else f"{value:.3g}"


def _saved(service_ns: Floats, found: _Mixes) -> Floats:
    """Return what each late request would save with the input of an earlier one of its rank."""
    values = found.attribute.values[found.late]
    now = found.course.of(values)
    usual = np.sort(found.course.of(found.before))
    rank = (rankdata(now) - 0.5) / now.size
    then = usual[np.minimum((rank * usual.size).astype(int), usual.size - 1)]
    return np.asarray(service_ns * np.maximum(1 - then / now, 0.0))


def _largest(case: Case) -> str:
    return max(case.parts, key=lambda part: float(case.wall(part).sum()))


def _within(case: Case) -> _Mixes | None:
    """Return the attribute that moved within the run and explains most of the service time."""
    attributes = _inputs(Subjects(case.run))
    changes = [each.change() for each in attributes]
    sure = together([change.p_value for change in changes])
    moved = [each for each, p_value in zip(attributes, sure, strict=True) if p_value <= ERROR]
    best = best_explanation(moved, case.service)
    course = None if best is None else course_of(best, case.service)
    if best is None or course is None:
        return None
    late = np.arange(case.n) >= changes[attributes.index(best)].at
    early = at_work(case)[~late]
    return _Mixes(best, best.values[~late], late, early, course, "at first")


def _since(case: Case, baseline: Case) -> _Mixes | None:
    """Return the attribute that explains most of the baseline's service time, and moved since."""
    now = {each.name: each for each in _inputs(Subjects(case.run))}
    before = [each for each in _inputs(Subjects(baseline.run)) if each.name in now]
    best = best_explanation([each for each in before if not each.labels], baseline.service)
    course = None if best is None else course_of(best, baseline.service)
    if best is None or course is None or now[best.name].labels:
        return None
    attribute = now[best.name]
    if attribute.values.size != case.n or attribute.shift(best.values, attribute.values)[2] > ERROR:
        return None
    late = np.ones(case.n, np.bool_)
    return _Mixes(attribute, best.values, late, at_work(baseline), course, "in the baseline")


def _inputs(subjects: Subjects) -> list[Subject]:
    return [each for each in subjects.attributes() if each.kind == "input"]
