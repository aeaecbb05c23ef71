"""Slow inputs: some inputs are slow each time that they come, and not for their size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.data.kinds import Kinds, two_kinds
from latprof.analysis.diagnosis.data.size import sizes_of
from latprof.analysis.diagnosis.recurrence import comes_by_count
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.drift.subjects import Subjects
from latprof.units import count_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["slow_inputs"]

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]

_CAUSE = "slow_inputs"
_APART = 3.0  # times the usual time of the stage, and
_OF_REQUEST = 0.5  # of the usual request beyond it
_LEAST_NS = 100_000.0
_MOST = 0.5  # of requests: where more are slow, that is the usual time
_TWICE = 2  # times that an input came, to tell whether it is slow again
_FEWEST = 3  # slow inputs that came again
_AGAIN = 0.8  # of the times that a slow input comes it is slow
_LONGER = 2.0  # times the usual size: then the size may be why
_OFTENER = 2.0  # times as often as chance has it: where inputs came again, slow ones are slow again
_TELLS = 0.8  # of the slow requests have a label of which most are slow


class _Slow(NamedTuple):
    stage: str
    slow: Chosen
    again: float
    inputs: int


def slow_inputs(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect inputs that are slow in one stage whenever they come, whatever their size.

    Where inputs hardly come again, two kinds of passages through a stage have to do.
    """
    inputs = case.attribute("input")
    if inputs is None or not inputs.numeric or np.isnan(inputs.values).any():
        yield Cleared(_CAUSE, "requests do not tell which input they took", known=False)
        return
    keys = inputs.values.astype(np.int64)
    found = [each for stage in case.stages if (each := _slow(case, stage, keys)) is not None]
    for each in found:
        yield _suspicion(case, each)
    if found:
        return
    kinds = [kind for stage in case.stages if (kind := two_kinds(case, stage)) is not None]
    kinds = [each for each in kinds if _may_be_inputs(case, each.slow, keys)]
    for kind in kinds:
        yield _of_kinds(case, kind)
    if not kinds:
        yield Cleared(_CAUSE, "no stage is slow for the same inputs each time that they come")


def _slow(case: Case, stage: str, keys: npt.NDArray[np.int64]) -> _Slow | None:
    """Return what is slow in a stage and follows the input; None where nothing does."""
    wall = case.wall(stage)
    usual = float(np.median(wall))
    beyond = max(_OF_REQUEST * float(np.median(case.latency)), _LEAST_NS)
    slow: Chosen = wall >= max(_APART * usual, usual + beyond)
    if not 0 < float(slow.mean()) <= _MOST or _is_size(case, slow):
        return None
    if comes_by_count(slow, keys):
        return None
    again, inputs = _again(slow, keys)
    return _Slow(stage, slow, again, inputs) if again is not None and again >= _AGAIN else None


def _again(slow: Chosen, keys: npt.NDArray[np.int64]) -> tuple[float | None, int]:
    """Return how often slow inputs are slow when they come again, and how many of them do so."""
    _, places = np.unique(keys, return_inverse=True)
    times, slow_times = (np.bincount(places, each) for each in (np.ones(keys.size), slow))
    came_again = (slow_times > 0) & (times >= _TWICE)
    if not came_again.any() or slow_times[came_again].sum() < _FEWEST:
        return None, 0
    # Each slow passage asks all other passages of its input.
    others_slow = (slow_times * (slow_times - 1))[came_again].sum()
    others = (slow_times * (times - 1))[came_again].sum()
    return (float(others_slow / others) if others else 0.0), int(came_again.sum())


def _may_be_inputs(case: Case, slow: Chosen, keys: npt.NDArray[np.int64]) -> bool:
    """Return whether nothing speaks against the input: no size, and no input that is quick again.

    What a cache forgets may be quick the next time; it is slow more often than others all the same.
    """
    again, inputs = _again(slow, keys)
    if _is_size(case, slow) or comes_by_count(slow, keys):
        return False
    return again is None or inputs < _FEWEST or again >= _OFTENER * float(slow.mean())


def _is_size(case: Case, slow: Chosen) -> bool:
    return any(
        float(np.median(size.values[slow])) >= _LONGER * float(np.median(size.values[~slow]))
        for size in sizes_of(case)
    )


def _suspicion(case: Case, found: _Slow) -> Suspicion:
    wall, slow = case.wall(found.stage), found.slow
    usual = float(np.median(wall[~slow]))
    return Suspicion(
        cause=_CAUSE,
        stage=found.stage,
        summary=f"{count_text(found.inputs)} of the inputs are slow there each time that they come",
        evidence=(
            Evidence(
                "slow inputs that are slow when they come again",
                share_text(found.again),
                f"above {share_text(_AGAIN)}",
                "run.slices(by='input')",
            ),
            Evidence(
                f"time of slow inputs in {found.stage}",
                duration_text(float(np.median(wall[slow]))),
                f"the others': {duration_text(usual)}",
                "run.spans",
            ),
            Evidence(
                "requests that are slow", share_text(float(slow.mean())), "below half", "run.spans"
            ),
        ),
        advice="Look at what these inputs miss or set off: a cache, a pattern, a retry",
        refuted_by="send one of them alone, many times: if it is quick, it was not the input",
        after_ns=case.without(np.where(slow, wall - usual, 0.0)),
        level="tail",
    )


def _of_kinds(case: Case, kind: Kinds) -> Suspicion:
    wall, slow = case.wall(kind.stage), kind.slow
    label = _label(case, slow)
    evidence = [
        Evidence(
            f"shortest of the {share_text(float(slow.mean()))} slow passages of {kind.stage}",
            duration_text(kind.shortest_ns),
            f"all others up to {duration_text(kind.longest_quick_ns)}",
            "run.spans",
        )
    ]
    if label is not None:
        name, found = label
        evidence.append(
            Evidence(
                f"slow requests that {name} tells from the others",
                share_text(found),
                f"above {share_text(_TELLS)}",
                f"run.slices(by={name!r})",
            )
        )
    usual = float(np.median(wall[~slow]))
    return Suspicion(
        cause=_CAUSE,
        stage=kind.stage,
        summary=f"{share_text(float(slow.mean()))} of the requests take another way there, and "
        f"nothing lies between {duration_text(kind.longest_quick_ns)} and "
        f"{duration_text(kind.shortest_ns)}",
        evidence=tuple(evidence),
        advice="Look at what these inputs miss or set off: a cache, a pattern, a retry",
        refuted_by="send one of them alone, many times: if it is quick, it was not the input",
        after_ns=case.without(np.where(slow, np.maximum(wall - usual, 0.0), 0.0)),
        level="tail",
        generic=True,
    )


def _label(case: Case, slow: Chosen) -> tuple[str, float] | None:
    """Return the label of requests that tells most of the slow ones, and how many; None without."""
    told = []
    for each in Subjects(case.run).attributes():
        if each.kind != "input" or not each.labels or each.values.size != slow.size:
            continue
        codes = each.values.astype(np.intp)
        mostly = np.bincount(codes, slow) > _MOST * np.bincount(codes)
        told.append((float(mostly[codes][slow].mean()), each.name))
    best = max(told, default=None)
    return None if best is None or best[0] < _TELLS else (best[1], best[0])
