"""Two arms of a duel compared as a whole and stage by stage, all comparisons taken together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.callstages import NEVER
from latprof.analysis.comparison import PART, SpeedUp, adjusted, speed_up, tail_speed_ups
from latprof.analysis.thresholds import Slowdown, Thresholds

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel

__all__ = ["APPEARED", "VANISHED", "Changes", "StageChange", "changes", "comparable"]

Int64s = npt.NDArray[np.int64]
Stages = Mapping[str, Int64s]

_TAIL = 0.95
APPEARED = "appeared: its time is in the verdict on whole calls"
VANISHED = "vanished: its time is in the verdict on whole calls"


@dataclass(frozen=True, slots=True)
class StageChange:
    """How the self time of a stage changed.

    Attributes:
        stage: Its name.
        against_itself: The baseline against itself, at p50 and p95; at p50 alone where some calls
            do not run the stage.
        candidate: The candidate against the baseline, alike.
    """

    stage: str
    against_itself: tuple[SpeedUp, ...]
    candidate: tuple[SpeedUp, ...]


class Changes(NamedTuple):
    """What one arm is against the base, as sure together as one comparison alone.

    Attributes:
        whole: Whole calls, at p50 and p95.
        stages: The same of the self time of each stage.
    """

    whole: tuple[SpeedUp, ...]
    stages: Mapping[str, tuple[SpeedUp, ...]]


def comparable(whole_ns: Int64s, base: Stages, *others: Stages) -> tuple[list[str], dict[str, str]]:
    """Return which stages can be compared with the base, and why others cannot.

    Args:
        whole_ns: Latency of each call of the base, shape `(starts, rounds, calls)`.
        base: Self time of each of its stages in each call; the same shape, `NEVER` where it did
            not run.
        *others: Those of other arms; the last is the candidate.

    Returns:
        Names in the order of the base, and reasons by name.
    """
    sides = base, *others
    reasons: dict[str, str] = {}
    for stage in dict.fromkeys((*base, *others[-1])):
        if reason := _reason(stage, int(whole_ns.sum()), sides):
            reasons[stage] = reason
    return [stage for stage in base if stage not in reasons], reasons


def _reason(stage: str, whole_ns: int, sides: tuple[Stages, ...]) -> str:
    base, *others = sides
    if stage not in base:
        return APPEARED
    if stage not in others[-1]:
        return VANISHED
    if all(_sum(side.get(stage)) < PART * whole_ns for side in (base, others[-1])):
        return f"takes less than {100 * PART:g} % of a call"
    if not all(stage in side and _is_in_each_round(base[stage], side[stage]) for side in others):
        return "runs in too few calls to be judged by itself"
    return ""


def _sum(own_ns: Int64s | None) -> int:
    return 0 if own_ns is None else int(np.maximum(own_ns, 0).sum())


def _is_in_each_round(base: Int64s, other: Int64s) -> bool:
    return bool(((base != NEVER) & (other != NEVER)).any(axis=2).all())


def changes(
    duel: Duel,
    base: tuple[str, Stages],
    other: tuple[str, Stages],
    stages: Iterable[str],
    thresholds: Thresholds,
) -> Changes:
    """Compare one arm with the base (Holm over whole calls and stages).

    Args:
        duel: What was measured.
        base: Name of the base, and the self times of its stages.
        other: The same of the arm.
        stages: Those to compare, which `comparable` found.
        thresholds: What counts.
    """
    names = list(stages)
    whole = duel.latencies(base[0]), duel.latencies(other[0])
    pairs = [whole, *((base[1][stage], other[1][stage]) for stage in names)]
    together = 2 * len(pairs)
    counts = [thresholds.of(stage) for stage in ("", *names)]
    found = [
        list(_compared(*pair, effects, duel.manifest.seed, together))
        for pair, effects in zip(pairs, counts, strict=True)
    ]
    settled = iter(adjusted([each for part in found for each in part]))
    first, *parts = (tuple(next(settled) for _ in part) for part in found)
    return Changes(first, dict(zip(names, parts, strict=True)))


def _compared(
    base: Int64s, other: Int64s, effects: Slowdown, seed: int, together: int
) -> Iterator[SpeedUp]:
    """Yield the comparison of medians of rounds, and of tails where each call has a value."""
    ran = (base != NEVER) & (other != NEVER)
    # A clock may stand still for one call: that is a short time, and not none.
    mine, theirs = (np.where(ran, np.maximum(each, 1), np.nan) for each in (base, other))
    middles = (np.nanmedian(each, axis=2) for each in (mine, theirs))
    yield speed_up(*middles, effect=effects.p50, seed=seed, together=together)
    if ran.all():
        yield from tail_speed_ups(
            mine, theirs, (_TAIL,), effect=effects.p95, seed=seed, together=together
        )
