"""The gate: whether a candidate may be deployed, judged from a duel with two arms of the baseline.

The baseline is in the duel twice. How far it seems to be from itself says what this machine can
show at this hour, from the very rounds that the candidate is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from latprof.analysis.comparison import Decision, SpeedUp
from latprof.analysis.duel import interruption
from latprof.analysis.parity import Agreement, Parity
from latprof.analysis.verdict import agreement, needed_text
from latprof.load.duel.contest import duel as hold
from latprof.run.answer import Answer

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel

__all__ = [
    "AGAIN",
    "BASELINE",
    "CANDIDATE",
    "Gate",
    "Outcome",
    "change_text",
    "detectable_text",
    "gated",
    "held",
    "verdict",
]

BASELINE, AGAIN, CANDIDATE = "baseline", "baseline again", "candidate"


class Outcome(StrEnum):
    """What a pipeline does with a candidate."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Gate(Answer):
    """What a gate found.

    Attributes:
        outcome: `fail` where the p50 or p95 of a call is slower by more than counts, or the
            answers are others; `pass` where neither can be; else `inconclusive`.
        reasons: Why, each in words.
        against_itself: The baseline against itself, at p50 and p95.
        candidate: The candidate against the baseline, at p50 and p95.
        parity: Whether the candidate answers as the baseline does; None where an arm failed.
        duel: What was measured.
        hindered: Whether something kept it from judging the speed of the candidate.
    """

    _told_by = "gate"

    outcome: Outcome
    reasons: tuple[str, ...]
    against_itself: tuple[SpeedUp, ...]
    candidate: tuple[SpeedUp, ...]
    parity: Parity | None
    duel: Duel
    hindered: bool


def held(baseline: Any, candidate: Any, inputs: Any, **options: Any) -> Gate:
    """Hold a duel of a baseline, itself again, and a candidate, and judge the candidate.

    Args:
        baseline: What is deployed, in any form that an arm of `latprof.duel` has.
        candidate: What shall be.
        inputs: As of `latprof.duel`.
        **options: As of `latprof.duel`.

    Raises:
        UsageError: An argument is wrong, or no arm can run what it was given.
        KeyboardInterrupt: Ctrl-C came before the first round was made.
    """
    arms = {BASELINE: baseline, AGAIN: baseline, CANDIDATE: candidate}
    return gated(hold(arms, inputs, **options))


def gated(duel: Duel) -> Gate:
    """Judge the candidate of a duel that `held` made.

    Slower by more than counts, and surely slower at all, fails; surely not slower by so much
    passes (Kalibera and Jones, ISMM 2013, on starts as a level of their own). A machine that tells
    the baseline from itself judges nobody.

    Args:
        duel: A finished duel of the three arms.
    """
    found, parities = duel.judgement.speed_ups, duel.judgement.parities
    itself, judged = found.get(AGAIN, ())[:2], found.get(CANDIDATE, ())[:2]
    parity = parities[CANDIDATE] if len(duel.finished) == len(duel.manifest.arms) else None
    wrong = parity is not None and _disagree(parity) and not _disagree(parities[AGAIN])
    reasons = tuple(_hindrances(duel, itself, judged))
    hindered = bool(reasons)
    outcome = Outcome.INCONCLUSIVE if hindered else _outcome(judged)
    if parity is not None:
        calls = duel.latencies(BASELINE).size
        changes = () if hindered else tuple(change_text(each, calls) for each in judged)
        reasons = (*reasons, *changes, _answers(parity, wrong=wrong))
    outcome = Outcome.FAIL if wrong else outcome
    return Gate(outcome, reasons, itself, judged, parity, duel, hindered)


def _hindrances(duel: Duel, itself: Sequence[SpeedUp], judged: Sequence[SpeedUp]) -> Iterator[str]:
    """Yield why nothing can be judged."""
    failed = [arm for arm in duel.manifest.arms if arm.reason]
    yield from (f"the {arm.name} failed: {arm.reason}" for arm in failed)
    if text := interruption(duel):
        yield text
    elif not failed and not (itself and judged):
        yield "too few rounds to compare"
    for each in itself:
        if each.decision in (Decision.FASTER, Decision.SLOWER):
            yield f"the baseline differs from itself by {_changed(each)}: this machine is unsteady"


def _disagree(parity: Parity) -> bool:
    return parity.agreement is Agreement.DISAGREE


def _answers(parity: Parity, *, wrong: bool) -> str:
    if _disagree(parity) and not wrong:
        return "outputs cannot be compared: the baseline does not agree with itself"
    return agreement(parity)


def _outcome(judged: Sequence[SpeedUp]) -> Outcome:
    each = [verdict(found) for found in judged]
    if Outcome.FAIL in each:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if Outcome.INCONCLUSIVE in each else Outcome.PASS


def verdict(found: SpeedUp) -> Outcome:
    """Return what one quantile says of the candidate."""
    if found.decision is Decision.SLOWER:
        return Outcome.FAIL
    return Outcome.PASS if found.low > 1 / (1 + found.effect) else Outcome.INCONCLUSIVE


def change_text(found: SpeedUp, calls: int) -> str:
    """Return how the candidate's latency changed, and what follows.

    Args:
        found: The candidate against the baseline.
        calls: How many calls each made.

    >>> slower = SpeedUp(0.5, 0.8, 0.78, 0.82, 0.001, 0.03, Decision.SLOWER, 0.02, None)
    >>> change_text(slower, 900)
    'p50 fail: +25.0 % [+22.0, +28.2], where +3 % counts'
    """
    said = verdict(found)
    text = f"p{100 * found.q:g} {said}: {_changed(found)}, where +{100 * found.effect:g} % counts"
    return f"{text}; {needed_text(found.more, calls)}" if said is Outcome.INCONCLUSIVE else text


def _changed(found: SpeedUp) -> str:
    middle, low, high = (100 * (1 / each - 1) for each in (found.ratio, found.high, found.low))
    return f"{middle:+.1f} % [{low:+.1f}, {high:+.1f}]"


def detectable_text(itself: Sequence[SpeedUp]) -> str:
    """Return the smallest differences that this machine shows now.

    >>> itself = SpeedUp(0.5, 1.0, 0.98, 1.02, 0.9, 0.03, Decision.SAME, 0.02, None)
    >>> detectable_text([itself])
    'the baseline against itself shows that 2.0 % at p50 can be seen here now'
    """
    seen = " and ".join(f"{100 * each.detectable:.1f} % at p{100 * each.q:g}" for each in itself)
    return f"the baseline against itself shows that {seen} can be seen here now"
