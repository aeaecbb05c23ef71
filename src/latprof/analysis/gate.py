"""The gate: whether a candidate may be deployed, judged from a duel with two arms of the baseline.

The baseline is in the duel twice. How far it seems to be from itself says what this machine can
show at this hour, from the very rounds that the candidate is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from latprof.analysis.callstages import stages_of_calls
from latprof.analysis.comparison import Decision, SpeedUp
from latprof.analysis.duel import interruption
from latprof.analysis.parity import Agreement, Parity
from latprof.analysis.stagechange import (
    APPEARED,
    VANISHED,
    Changes,
    StageChange,
    changes,
    comparable,
)
from latprof.analysis.thresholds import USUAL, Thresholds
from latprof.analysis.verdict import agreement, needed_text
from latprof.load.duel.contest import duel as hold
from latprof.load.duel.neighbours import present
from latprof.run.answer import Answer

if TYPE_CHECKING:
    from latprof.load.duel.model import Duel

__all__ = [
    "AGAIN",
    "BASELINE",
    "CANDIDATE",
    "Gate",
    "Judged",
    "Outcome",
    "change_text",
    "changed_text",
    "detectable_text",
    "gated",
    "held",
    "judgements",
    "verdict",
]

BASELINE, AGAIN, CANDIDATE = _ARMS = "baseline", "baseline again", "candidate"


class Outcome(StrEnum):
    """What a pipeline does with a candidate."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Gate(Answer):
    """What a gate found.

    Attributes:
        outcome: `fail` where the p50 or p95 of a call or of a stage is slower by more than
            counts, or the answers are others; `pass` where none can be; else `inconclusive`.
        reasons: Why, each in words.
        against_itself: Whole calls of the baseline against itself, at p50 and p95.
        candidate: Those of the candidate against the baseline, at p50 and p95.
        stages: The stages that both have, in the order of the baseline.
        unjudged: Why other stages are not judged by themselves, by name.
        parity: Whether the candidate answers as the baseline does; None where an arm failed.
        duel: What was measured.
        hindered: Whether something kept it from judging the speed of the candidate.
    """

    _told_by = "gate"

    outcome: Outcome
    reasons: tuple[str, ...]
    against_itself: tuple[SpeedUp, ...]
    candidate: tuple[SpeedUp, ...]
    stages: tuple[StageChange, ...]
    unjudged: Mapping[str, str]
    parity: Parity | None
    duel: Duel
    hindered: bool


def held(
    baseline: Any,
    candidate: Any,
    inputs: Any,
    thresholds: Thresholds = USUAL,
    **options: Any,
) -> Gate:
    """Hold a duel of a baseline, itself again, and a candidate, and judge the candidate.

    Another gate that runs on this machine meanwhile is told among the reasons. It changes no
    verdict: it slows all arms alike, and widens what the baseline is from itself.

    Args:
        baseline: What is deployed, in any form that an arm of `latprof.duel` has.
        candidate: What shall be.
        inputs: As of `latprof.duel`.
        thresholds: What counts as slower.
        **options: As of `latprof.duel`.

    Raises:
        UsageError: An argument is wrong, or no arm can run what it was given.
        KeyboardInterrupt: Ctrl-C came before the first round was made.
    """
    arms = {BASELINE: baseline, AGAIN: baseline, CANDIDATE: candidate}
    with present() as presence:
        found = hold(arms, inputs, **options)
        others = 0 if presence is None else presence.others()
    gate = gated(found, thresholds)
    return replace(gate, reasons=(*gate.reasons, _beside(others))) if others else gate


def _beside(others: int) -> str:
    beside = "another gate" if others == 1 else f"{others} other gates"
    return f"{beside} ran on this machine meanwhile: one at a time sees more"


def gated(duel: Duel, thresholds: Thresholds = USUAL) -> Gate:
    """Judge the candidate of a duel that `held` made.

    Slower by more than counts, and surely slower at all, fails; surely not slower by so much
    passes (Kalibera and Jones, ISMM 2013, on starts as a level of their own). Whole calls and
    stages are judged together (Holm, Scandinavian Journal of Statistics 6, 1979). A machine that
    tells the baseline from itself judges nobody; one that does so in a stage, not that stage.

    Args:
        duel: A finished duel of the three arms.
        thresholds: What counts as slower. A stage that they name and no arm runs hinders the gate.
    """
    parities = duel.judgement.parities
    complete = len(duel.finished) == len(duel.manifest.arms)
    itself, judged, stages, unjudged = _compared(duel, thresholds, complete=complete)
    parity = parities[CANDIDATE] if complete else None
    wrong = parity is not None and _disagree(parity) and not _disagree(parities[AGAIN])
    hindrances = (
        *_hindrances(duel, itself.whole, judged.whole),
        *(_unknown(thresholds, [*itself.stages, *unjudged]) if complete else ()),
    )
    gate = Gate(
        outcome=Outcome.INCONCLUSIVE,
        reasons=hindrances,
        against_itself=itself.whole,
        candidate=judged.whole,
        stages=stages,
        unjudged=unjudged,
        parity=parity,
        duel=duel,
        hindered=bool(hindrances),
    )
    told = tuple(_reasons(gate))
    answers = () if parity is None else (_answers(parity, wrong=wrong),)
    outcome = Outcome.FAIL if wrong else _outcome(gate)
    return replace(gate, outcome=outcome, reasons=(*hindrances, *told, *answers))


def _unknown(thresholds: Thresholds, ran: Sequence[str]) -> Iterator[str]:
    """Yield which stages have thresholds and were never run: a name that is wrong passes nobody."""
    known = f"there is {', '.join(ran)}" if ran else "nobody marked a stage"
    for stage in thresholds.stages:
        if stage not in ran:
            yield f"the thresholds name the stage {stage}, which no arm ran: {known}"


def _compared(
    duel: Duel, thresholds: Thresholds, *, complete: bool
) -> tuple[Changes, Changes, tuple[StageChange, ...], dict[str, str]]:
    """Return the baseline against itself, the candidate against it, and the stages of both."""
    nothing = Changes((), {})
    if not complete or not duel.judgement.speed_ups:
        return nothing, nothing, (), {}
    lost = any(arm.unrecorded for arm in duel.manifest.arms)
    own = {arm: {} for arm in _ARMS} if lost else stages_of_calls(duel)
    names, unjudged = comparable(duel.latencies(BASELINE), *(own[arm] for arm in _ARMS))
    base, again, candidate = ((arm, own[arm]) for arm in _ARMS)
    itself, judged = (changes(duel, base, other, names, thresholds) for other in (again, candidate))
    stages = tuple(StageChange(e, itself.stages[e], judged.stages[e]) for e in names)
    return itself, judged, stages, unjudged


class Judged(NamedTuple):
    """What one quantile of whole calls or of a stage says of the candidate.

    Attributes:
        stage: Its name; empty for whole calls.
        q: Which quantile.
        outcome: What follows.
        text: The same in words.
    """

    stage: str
    q: float
    outcome: Outcome
    text: str


def judgements(gate: Gate) -> Iterator[Judged]:
    """Yield what is judged, whole calls first; nothing of a gate that was hindered."""
    if gate.hindered:
        return
    calls = gate.duel.latencies(BASELINE).size
    for found in gate.candidate:
        yield Judged("", found.q, verdict(found), change_text(found, calls))
    for each in gate.stages:
        for itself, found in zip(each.against_itself, each.candidate, strict=True):
            yield _judged(each.stage, itself, found, calls)


def _judged(stage: str, itself: SpeedUp, found: SpeedUp, calls: int) -> Judged:
    if not _unsteady(itself):
        return Judged(stage, found.q, verdict(found), f"{stage} {change_text(found, calls)}")
    text = f"{stage} p{100 * found.q:g} {Outcome.INCONCLUSIVE}: the baseline differs from itself"
    return Judged(stage, found.q, Outcome.INCONCLUSIVE, f"{text} by {changed_text(itself)}")


def _reasons(gate: Gate) -> Iterator[str]:
    """Yield what speaks against the candidate first; of stages that pass, nothing."""
    each = list(judgements(gate))
    for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        yield from (one.text for one in each if one.outcome is outcome)
    yield from (one.text for one in each if one.outcome is Outcome.PASS and not one.stage)
    for stage, why in gate.unjudged.items():
        if why in (APPEARED, VANISHED):
            yield f"{stage} {why}"
    if lost := [arm for arm in gate.duel.manifest.arms if arm.unrecorded]:
        told = ", ".join(f"{arm.unrecorded} of the {arm.name}" for arm in lost)
        yield f"stages cannot be judged: rounds were not recorded ({told})"


def _unsteady(itself: SpeedUp) -> bool:
    """Whether the baseline is told from itself."""
    return itself.decision in (Decision.FASTER, Decision.SLOWER)


def _hindrances(duel: Duel, itself: Sequence[SpeedUp], judged: Sequence[SpeedUp]) -> Iterator[str]:
    """Yield why nothing can be judged."""
    failed = [arm for arm in duel.manifest.arms if arm.reason]
    yield from (f"the {arm.name} failed: {arm.reason}" for arm in failed)
    if text := interruption(duel):
        yield text
    elif not failed and not (itself and judged):
        yield "too few rounds to compare"
    for each in itself:
        if _unsteady(each):
            told = f"the baseline differs from itself by {changed_text(each)}"
            yield f"{told}: this machine is unsteady"


def _disagree(parity: Parity) -> bool:
    return parity.agreement is Agreement.DISAGREE


def _answers(parity: Parity, *, wrong: bool) -> str:
    if _disagree(parity) and not wrong:
        return "outputs cannot be compared: the baseline does not agree with itself"
    return agreement(parity)


def _outcome(gate: Gate) -> Outcome:
    each = [one.outcome for one in judgements(gate)]
    if Outcome.FAIL in each:
        return Outcome.FAIL
    unknown = gate.hindered or any(arm.unrecorded for arm in gate.duel.manifest.arms)
    return Outcome.INCONCLUSIVE if unknown or Outcome.INCONCLUSIVE in each else Outcome.PASS


def verdict(found: SpeedUp) -> Outcome:
    """Return what one quantile says of the candidate, taken by itself."""
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
    text = (
        f"p{100 * found.q:g} {said}: {changed_text(found)}, where +{100 * found.effect:g} % counts"
    )
    return f"{text}; {needed_text(found.more, calls)}" if said is Outcome.INCONCLUSIVE else text


def changed_text(found: SpeedUp) -> str:
    """Return by how much a time changed, as `+25.0 % [+22.0, +28.2]`."""
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
