"""Runs over time: where a stage came to another level, and at which commit.

A folder of runs is the database. Runs that were not recorded alike, on another machine or under
another load, say nothing about each other: those like the latest one are looked at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from latprof.analysis.changepoints import Jump, Steps, find_steps
from latprof.analysis.comparison import EFFECT, TAIL_EFFECT
from latprof.analysis.parts import TOTAL
from latprof.analysis.quantiles import quantiles
from latprof.analysis.runcomparison import (
    MACHINE,
    START,
    differences,
    parts_that_count,
    software_changes,
)
from latprof.errors import LatprofError, UsageError
from latprof.run.answer import Answer
from latprof.run.disk import as_folder
from latprof.run.manifest import FILE
from latprof.run.model import Run, Verdict
from latprof.run.store import open_run

if TYPE_CHECKING:
    from latprof.run.model import Quantile

__all__ = ["Change", "Course", "Entry", "History", "history"]

Floats = npt.NDArray[np.float64]

_QUANTILES: Final = {0.5: EFFECT, 0.95: TAIL_EFFECT}
_ALIKE = ("target", "scenario", "probe")
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Entry:
    """One run.

    Attributes:
        folder: Where it is.
        created: When it was recorded, ISO 8601 in UTC.
        commit: Of the code that was measured; None where unknown.
        dirty: Whether that code had changes that were not committed.
        requests: How many were recorded.
    """

    folder: str
    created: str
    commit: str | None
    dirty: bool
    requests: int


@dataclass(frozen=True)
class Course:
    """One quantile of one part from run to run.

    Attributes:
        part: A stage, "queue", "untracked", or "total" for the whole request.
        q: Which quantile.
        runs: Indices of the runs that can tell it, ascending.
        values_ns: What each of them measured.
        steps: Its levels; None where fewer than 8 runs can tell it.
    """

    part: str
    q: float
    runs: tuple[int, ...]
    values_ns: tuple[float, ...]
    steps: Steps | None


@dataclass(frozen=True, slots=True)
class Change:
    """A part that came to another level by more than counts.

    Attributes:
        part: Which.
        q: Which quantile of it.
        before: Index of the last run of the old level.
        at: Index of the first run of the new one.
        before_ns: The old level.
        after_ns: The new one.
        jump: Their ratio with its interval.
        software: What Python, kernel and packages changed between the two runs.
    """

    part: str
    q: float
    before: int
    at: int
    before_ns: float
    after_ns: float
    jump: Jump
    software: tuple[str, ...]


@dataclass(frozen=True)
class History(Answer):
    """What became of a target from run to run.

    Attributes:
        folder: Which was read.
        target: What was measured.
        entries: The runs, oldest first.
        courses: The whole request first, p50 before p95.
        changes: The latest first; of one run the whole request first.
        left_out: Folders of runs that are not looked at, and why.
    """

    _told_by = "history"

    folder: str
    target: str
    entries: tuple[Entry, ...]
    courses: tuple[Course, ...]
    changes: tuple[Change, ...]
    left_out: tuple[tuple[str, str], ...]


def history(folder: Path | str, target: str | None = None) -> History:
    """Read all runs of a folder, and of those inside it, and tell where a stage changed.

    A change is told once two runs have the new level, and where it is more than 3 % at p50 or 5 %
    at p95. Invalid runs are left out.

    Args:
        folder: Which.
        target: Which target, by its name in the runs; that of the latest run by default.

    Raises:
        UsageError: No run of such a target is there.
    """
    place = as_folder(folder)
    left_out: list[tuple[str, str]] = []
    runs = sorted(_opened(place, left_out), key=lambda run: str(run.manifest["created"]))
    chosen = _alike(runs, target, left_out)
    if not chosen:
        of = "" if target is None else f" of {target}"
        why = f": {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise UsageError(f"{place} holds no run{of} to look at{why}")
    courses = tuple(_courses([_quantiles_of(run) for run in chosen]))
    return History(
        folder=str(place),
        target=str(chosen[-1].manifest["target"]),
        entries=tuple(map(_entry, chosen)),
        courses=courses,
        changes=tuple(_changes(courses, chosen)),
        left_out=tuple(left_out),
    )


def _opened(folder: Path, left_out: list[tuple[str, str]]) -> Iterator[Run]:
    """Yield the runs that can be looked at, wherever in the folder."""
    for file in sorted(folder.rglob(FILE)):
        try:
            run = open_run(file.parent)
        except LatprofError as error:
            left_out.append((str(file.parent), str(error)))
            continue
        if run.validity.verdict is Verdict.INVALID:
            left_out.append((str(run.path), f"it is INVALID: {run.validity.reasons[0].code}"))
        else:
            yield run


def _alike(runs: Sequence[Run], target: str | None, left_out: list[tuple[str, str]]) -> list[Run]:
    """Return the runs that were recorded as the latest one of the target was."""
    of_target = [run for run in runs if target in (None, run.manifest["target"])]
    if not of_target:
        return []
    latest = of_target[-1].manifest
    chosen = []
    for run in runs:
        if why := _difference(run.manifest, latest):
            left_out.append((str(run.path), why))
        else:
            chosen.append(run)
    return chosen


def _difference(manifest: dict[str, Any], latest: dict[str, Any]) -> str:
    """Return why a run says nothing about the latest one; empty where it does."""
    for name in _ALIKE:
        if manifest.get(name) != latest.get(name):
            return f"another {name}"
    elsewhere = next(differences(manifest, latest, MACHINE), "")
    return f"another machine: {elsewhere}" if elsewhere else ""


def _entry(run: Run) -> Entry:
    manifest = run.manifest
    git = manifest["environment"].get("git") or {}
    return Entry(
        folder=str(run.path),
        created=str(manifest["created"]),
        commit=git.get("commit"),
        dirty=bool(git.get("dirty")),
        requests=int(manifest["counts"]["requests"]),
    )


def _quantiles_of(run: Run) -> dict[tuple[str, float], Quantile]:
    """Return each quantile of each part that counts, where the run has any request to measure."""
    try:
        parts = parts_that_count(run)
    except UsageError:  # no measured request: the run is there, and tells nothing
        return {}
    return {
        (part, found.q): found
        for part, values in parts.items()
        for found in quantiles(values, tuple(_QUANTILES))
        if found.value_ns
    }


def _courses(measured: Sequence[dict[tuple[str, float], Quantile]]) -> Iterator[Course]:
    """Yield the course of each part, those of the latest run in its order."""
    parts = dict.fromkeys(part for each in reversed(measured) for part, _ in each)
    for part, q in itertools.product(parts, _QUANTILES):
        told = [(run, each[part, q]) for run, each in enumerate(measured) if (part, q) in each]
        if not told:
            continue
        values = np.array([found.value_ns for _, found in told], dtype=np.float64)
        noise = math.hypot(START / math.sqrt(2), _own_noise([found for _, found in told]))
        steps = find_steps(values, noise)
        runs = tuple(run for run, _ in told)
        yield Course(part, q, runs, tuple(values.tolist()), steps)


def _own_noise(found: Sequence[Quantile]) -> float:
    """Return how far the log of a quantile is off by what its run could not know."""
    widths = [
        math.log(each.high_ns / each.low_ns) / (2 * _Z)
        for each in found
        if each.low_ns and each.high_ns
    ]
    return float(np.median(widths)) if widths else 0.0


def _changes(courses: Sequence[Course], runs: Sequence[Run]) -> list[Change]:
    found = [
        _change(course, course.steps, number, runs)
        for course in courses
        if course.steps is not None
        for number, jump in enumerate(course.steps.jumps)
        if abs(math.log(jump.ratio)) > math.log1p(_QUANTILES[course.q])
    ]
    return sorted(found, key=lambda each: (-each.at, each.part != TOTAL))


def _change(course: Course, steps: Steps, number: int, runs: Sequence[Run]) -> Change:
    jump = steps.jumps[number]
    before, at = course.runs[jump.at - 1], course.runs[jump.at]
    software = software_changes(runs[before].manifest, runs[at].manifest)
    old, new = steps.levels[number : number + 2]
    return Change(course.part, course.q, before, at, old, new, jump, tuple(software))
