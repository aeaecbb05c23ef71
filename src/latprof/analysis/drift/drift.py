"""The table of what drifted: within a run, or since a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from latprof.analysis.drift.change import FEWEST, together
from latprof.analysis.drift.given import course_of, explained
from latprof.analysis.drift.level import Level, difference
from latprof.analysis.drift.population import Shift
from latprof.analysis.drift.subject import Subject
from latprof.analysis.drift.subjects import Subjects

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["COLUMNS", "ERROR", "best_explanation", "drift"]

Floats = npt.NDArray[np.float64]

ERROR = 0.01
"""Chance that anything is listed of a run in which nothing drifted."""

# Two runs of one service on a shared machine, minutes apart: medians of 1000 calls were seen to
# wander by a fifth, and half of that is what a reader would call the same.
_APART = 0.1
_EXPLAINS = 0.2  # of the scatter of service times: less than that, and the input is not the matter

COLUMNS = (
    *("what", "kind", "measure", "unit", "before", "after"),
    *("effect", "effect_lo", "effect_hi", "relative"),
    *("psi", "ks", "p_value", "when_s", "n_before", "n_after"),
)
"""Columns of the table that `drift` returns."""


class _Candidate(NamedTuple):
    """A subject before and after something happened, or did not."""

    subject: Subject
    before: Floats
    after: Floats
    p_value: float
    when_ns: float


def drift(run: Run, baseline: Run | None = None) -> pd.DataFrame:
    """Return what drifted while a run was recorded, or what is different from a baseline.

    Looked at are the rate and the burstiness of arrivals (where requests did not wait for
    answers), every attribute of the requests, the service time, and the service time given the
    attribute that explains most of it: a service that gets longer inputs slows down, but not
    given its input.

    Args:
        run: What was recorded; its steady, answered requests are looked at.
        baseline: An earlier run of the same service. Without it, the two parts of the run are
            set against each other, before and after the likeliest instant of a change. What rises
            and falls back is no drift.

    Returns:
        One row per thing that drifted, the surest first; empty where nothing did. Chance alone
        lists anything in 1 of 100 runs (of 100 requests and more; neighbours that resemble each
        other are allowed for). `what`, `kind` (arrivals, input, configuration, service),
        `measure` (mean, median, share of one category) in `unit`, `before`, `after`, `effect` =
        after - before with the ends of its 95 % interval, and `relative` to before; `psi`, the
        population stability index (from 0.1 a shift, from 0.25 a large one), and `ks`, the
        Kolmogorov-Smirnov distance, of attributes; `p_value` among all that was looked at;
        `when_s`, where the change begins, from the first request (NaN with a baseline); `n_before`
        and `n_after` values. `attrs["left_out"]` names attributes that identify requests.

        Small changes are left out, however sure: less than 5 % of the service time (10 % against a
        baseline), 10 % of the rate, 25 % of the burstiness, an index below 0.1.

    Source:
        See `change.find_change`, `population.shift_of_numbers`, `level.difference`; together by
        Holm's method.

    Example:
        >>> import latprof as lp
        >>> run = lp.profile(len, ["a" * 10] * 300 + ["a" * 90] * 300, progress=False)
        >>> "input_size" in run.drift().index
        True
    """
    subjects = Subjects(run)
    within = baseline is None
    found = list(_changes(subjects) if baseline is None else _between(subjects, Subjects(baseline)))
    sure = together([each.p_value for each in found])
    listed = sorted(
        (pair for pair in zip(sure, found, strict=True) if pair[0] <= ERROR),
        key=lambda pair: pair[0],
    )
    told = [_row(candidate, p_value, within=within) for p_value, candidate in listed]
    rows = [row for row in told if row is not None]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[str(row["what"]) for row in rows])
    frame.attrs |= {"left_out": subjects.left_out, "looked_at": [each[0].name for each in found]}
    whole = dict.fromkeys(("n_before", "n_after"), "int64")
    text = dict.fromkeys(("what", "kind", "measure", "unit"), object)
    return frame.astype({**dict.fromkeys(COLUMNS[4:], "float64"), **whole, **text})


def _changes(subjects: Subjects) -> Iterator[_Candidate]:
    for subject in _within(subjects):
        change = subject.change()
        if change.at < subject.values.size:
            parts = subject.values[: change.at], subject.values[change.at :]
            yield _Candidate(subject, *parts, change.p_value, float(subject.when_ns[change.at]))


def _within(subjects: Subjects) -> Iterator[Subject]:
    if subjects.requests.request_id.size < FEWEST:
        return
    yield from subjects.arrivals()
    attributes = list(subjects.attributes())
    yield from attributes
    service = subjects.service()
    yield service
    explaining = best_explanation(attributes, service.values)
    if explaining is not None:
        course = course_of(explaining, service.values)
        if course is not None:
            usual = course.of(explaining.values)
            own = service.values / usual * float(np.median(service.values))
            yield subjects.service(own, f"service given {explaining.name}")


def best_explanation(attributes: list[Subject], service_ns: Floats) -> Subject | None:
    """Return the input attribute that explains most of the service time; None where none does."""
    inputs = [each for each in attributes if each.kind == "input"]
    shares = [explained(each, service_ns) for each in inputs]
    best = int(np.argmax(shares)) if shares else -1
    return inputs[best] if shares and shares[best] >= _EXPLAINS else None


def _between(subjects: Subjects, baseline: Subjects) -> Iterator[_Candidate]:
    if min(subjects.requests.request_id.size, baseline.requests.request_id.size) < FEWEST:
        return
    before = {each.name: each for each in (*baseline.arrivals(), *baseline.attributes())}
    for after in (*subjects.arrivals(), *subjects.attributes()):
        if after.name in before:
            yield from _compared(*_alike(before[after.name], after))
    one, other = (replace(each.service(), least=_APART) for each in (baseline, subjects))
    yield from _compared(one, other)
    explaining = best_explanation([*baseline.attributes()], one.values)
    now = None if explaining is None else subjects.attribute(explaining.name)
    if explaining is not None and now is not None:
        yield from _given(_alike(explaining, now), (one, other))


def _given(
    attribute: tuple[Subject, Subject], service: tuple[Subject, Subject]
) -> Iterator[_Candidate]:
    """Yield the service time as it would be with the baseline's usual input."""
    course = course_of(attribute[0], service[0].values)
    if course is None or attribute[1].values.size != service[1].values.size:
        return
    typical = float(np.median(service[0].values))
    parts = []
    for each, taken in zip(attribute, service, strict=True):
        values = each.values
        known = course.covers(values)
        parts.append((taken.values / course.of(values) * typical)[known])
    if min(part.size for part in parts) >= FEWEST:
        name = f"service given {attribute[0].name}"
        yield from _compared(
            *(
                replace(each, name=name, values=part)
                for each, part in zip(service, parts, strict=True)
            )
        )


def _alike(before: Subject, after: Subject) -> tuple[Subject, Subject]:
    """Return an attribute of two runs over one list of categories, or both as numbers."""
    if not before.labels and not after.labels:
        return before, after
    if before.labels and after.labels:
        labels = tuple(dict.fromkeys((*before.labels, *after.labels)))
        places = {label: index for index, label in enumerate(labels)}
        return tuple(  # type: ignore[return-value]  # there are two
            replace(
                each,
                labels=labels,
                values=np.array([float(places[label]) for label in each.labels])[
                    each.values.astype(int)
                ],
            )
            for each in (before, after)
        )
    return _as_numbers(before), _as_numbers(after)


def _as_numbers(subject: Subject) -> Subject:
    """Return the few values of a number as numbers; a word among them counts as none."""
    if not subject.labels:
        return subject
    known = np.array([_number(label) for label in subject.labels])
    values = known[subject.values.astype(int)]
    kept = ~np.isnan(values)
    return replace(subject, labels=(), values=values[kept], when_ns=subject.when_ns[kept])


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan


def _compared(before: Subject, after: Subject) -> Iterator[_Candidate]:
    if not before.values.size or not after.values.size:
        return
    if after.is_attribute:
        p_value = after.shift(before.values, after.values).p_value
    else:
        apart = difference(before.level(before.values), after.level(after.values))
        p_value = _chance(apart)
    yield _Candidate(after, before.values, after.values, p_value, math.nan)


def _chance(apart: Level) -> float:
    """Return the chance of so large a distance where there is none, from its 95 % interval."""
    margin = apart.value - apart.low if apart.value > 0 else apart.high - apart.value
    if math.isnan(margin):
        return 1.0
    return math.erfc(abs(apart.value) / max(margin, 1e-12) * 1.96 / math.sqrt(2))


def _row(candidate: _Candidate, p_value: float, *, within: bool) -> dict[str, object] | None:
    """Return what is said of one thing that drifted; None where it did so too little."""
    subject = candidate.subject
    shift = Shift(math.nan, math.nan, math.nan)
    if subject.is_attribute:
        shift = subject.shift(candidate.before, candidate.after)
    measure, before, after = _levels(candidate)
    apart = difference(before, after)
    relative = (
        apart.value / abs(before.value) if before.value else math.copysign(math.inf, apart.value)
    )
    size = shift.psi if subject.is_attribute else abs(relative)
    if not size >= subject.least:
        return None
    return {
        "what": subject.name,
        "kind": subject.kind,
        "measure": measure,
        "unit": subject.unit,
        "before": before.value,
        "after": after.value,
        "effect": apart.value,
        "effect_lo": apart.low,
        "effect_hi": apart.high,
        "relative": relative,
        "psi": shift.psi,
        "ks": shift.ks,
        "p_value": p_value,
        "when_s": candidate.when_ns / 1e9 if within else math.nan,
        "n_before": candidate.before.size,
        "n_after": candidate.after.size,
    }


def _levels(candidate: _Candidate) -> tuple[str, Level, Level]:
    subject = candidate.subject
    parts = candidate.before, candidate.after
    if not subject.labels:
        measure = "median" if subject.kind == "service" else "mean"
        before, after = (subject.level(part) for part in parts)
        return measure, before, after
    shares = [
        np.bincount(part.astype(int), minlength=len(subject.labels)) / part.size for part in parts
    ]
    moved = int(np.argmax(np.abs(shares[1] - shares[0])))
    before, after = (subject.level((part == moved).astype(np.float64)) for part in parts)
    return f"share of {subject.labels[moved]}", before, after
