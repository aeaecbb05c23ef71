"""Lock contention: requests that are served at once go through some stretch one after the other.

Two signs. Before a stretch that is exclusive, no two requests are ever in it although several are
served, and whoever waits goes in the moment another comes out; the wait may lie in no stage at
all. Inside a stage that takes a lock itself, requests leave one turn apart, however many are in
it, and one that finds nobody there takes a turn and no more.

What waits for the network or a disk takes as long in company as alone. What waits for a core is
ready to run, not blocked. And where threads take turns in the interpreter, stages overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.code.passages import (
    Passages,
    concurrency,
    gaps,
    overlap,
    passages,
    releases,
)
from latprof.analysis.diagnosis.lines import hot_line
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.parts import UNTRACKED

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["lock_contention"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

_CAUSE = "lock_contention"
_AT_ONCE = 1.3  # requests in service on average: else nobody is there to wait for
_FEWEST = 30  # passages: fewer may follow each other by chance
_SHARE = 0.05  # of all latency: a shorter wait is not worth a look
_LONG = 0.3  # of the long waits: the shorter ones found the door open
_HANDOVER_NS = 1_000_000.0  # a woken thread runs within it, even on a busy machine
_OF_A_TURN = 0.25  # so that by chance at most a quarter of the waits ends like that
_HANDED = 0.6  # of the waits end when another comes out
_APART = 0.25  # of the overlap that chance would make
_CHANCE = 0.08  # of it there must be, for its absence to say anything
_BLOCKED = 0.3  # of the time of a stage that takes the lock itself
_REGULAR = 0.5  # 10 % quantile of the turns to their median: 0.15 where they are chance
_ALONE = 1.5  # turns: at most what one takes that finds nobody there
_SLOWED = 1.5  # times as long as alone
_OPEN_NS = 20_000  # the clock is read after the lock is had


class _Wait(NamedTuple):
    """A place where requests wait for each other.

    Attributes:
        stage: Where: a stage, or "untracked".
        before: The stage that follows a wait outside all stages; "" else.
        row: Of the measured requests that waited.
        waited_ns: How long.
        evidence: What was measured.
    """

    stage: str
    before: str
    row: npt.NDArray[np.intp]
    waited_ns: Floats
    evidence: tuple[Evidence, ...]


def lock_contention(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a lock where requests go through a stretch one after the other."""
    at_once = concurrency(case)
    if at_once < _AT_ONCE:
        yield Cleared(_CAUSE, f"{at_once:.1f} requests were served at once: none waits for another")
        return
    waits = [*_before_stretches(case), *_inside_stages(case)]
    if not waits:
        yield Cleared(_CAUSE, "requests that are served at once pass each other everywhere")
    for each in waits:
        yield _suspicion(case, each, at_once)


def _before_stretches(case: Case) -> Iterator[_Wait]:
    """Yield waits outside stages that end when another request comes out of what follows."""
    outs = releases(case)
    for before, found in gaps(case):
        length = found.length_ns
        if found.row.size < _FEWEST or length.sum() < _SHARE * case.latency[found.row].sum():
            continue
        signs = [
            (handed, name, apart)
            for name, out in outs.items()
            if (apart := _exclusive(found, out)) is not None
            and (handed := _handed_over(length, found.leave_ns, out)) >= _HANDED
        ]
        if signs:
            handed, name, apart = max(signs)
            waited = _waited(found, outs[name])
            evidence = _of_gap(before, name, handed, apart)
            yield _Wait(UNTRACKED, before, found.row, waited, evidence)


def _handed_over(length: Floats, leave_ns: Int64s, out: Passages) -> float:
    """Return the share of the long waits that end right after another request comes out."""
    outs = np.sort(out.leave_ns)
    if outs.size < _FEWEST:
        return 0.0
    within = min(_HANDOVER_NS, _OF_A_TURN * float(np.median(np.diff(outs))))
    long = length >= max(_LONG * float(np.quantile(length, 0.9)), 2 * within)
    if long.sum() < _FEWEST:
        return 0.0
    ends = leave_ns[long] + _OPEN_NS
    before = np.searchsorted(outs, ends, "right") - 1
    since = np.where(before >= 0, ends - outs[before], np.iinfo(np.int64).max)
    return float(np.mean(since <= within + _OPEN_NS))


def _waited(wait: Passages, out: Passages) -> Floats:
    """Return how long each waited for the one that came out before it went in."""
    outs = np.sort(out.leave_ns)
    before = np.searchsorted(outs, wait.leave_ns + _OPEN_NS, "right") - 1
    came_out = np.where(before >= 0, outs[before], wait.enter_ns)
    return np.clip(came_out - wait.enter_ns, 0, wait.length_ns)


def _exclusive(wait: Passages, out: Passages) -> tuple[float, float] | None:
    """Return how far requests overlap from the end of a wait to what comes out, and by chance.

    None where they do, or where they would hardly do so by chance either.
    """
    left = dict(zip(out.row.tolist(), out.leave_ns.tolist(), strict=True))
    end = np.array([left.get(row, 0) for row in wait.row.tolist()], np.int64)
    known = end > wait.leave_ns
    if known.sum() < _FEWEST:
        return None
    found, chance = overlap(wait.leave_ns[known], end[known])
    return (found, chance) if chance >= _CHANCE and found <= _APART * chance else None


def _of_gap(
    before: str, out: str, handed: float, apart: tuple[float, float]
) -> tuple[Evidence, ...]:
    end = f"the end of {out}" if out else "the answer"
    return (
        Evidence(
            f"waits before {before} that end as another request reaches {end}",
            f"{handed:.0%}",
            f"above {_HANDED:.0%}",
            "run.spans",
        ),
        Evidence(
            f"overlap of requests from {before} to {end}",
            f"{apart[0]:.1%}",
            f"{apart[1]:.0%} by chance",
            "run.spans",
        ),
    )


def _inside_stages(case: Case) -> Iterator[_Wait]:
    """Yield stages that requests leave one turn apart."""
    for stage, found in passages(case).items():
        blocked = case.blocked(stage)
        if blocked is None or found.row.size < _FEWEST:
            continue
        if blocked.sum() < max(_BLOCKED * case.wall(stage).sum(), _SHARE * case.latency.sum()):
            continue
        waited, turn = found.turns()
        usual = float(np.median(turn))
        alone = _alone(found)
        regular = float(np.quantile(turn, 0.1)) / max(usual, 1.0)
        slowed = float(np.median(found.length_ns)) / max(alone, 1.0)
        if regular >= _REGULAR and alone <= _ALONE * usual and slowed >= _SLOWED:
            evidence = _of_stage(stage, blocked.sum() / case.wall(stage).sum(), regular, slowed)
            yield _Wait(stage, "", found.row, waited, evidence)


def _alone(found: Passages) -> float:
    """Return how long a passage takes without company; the shortest where there was always some."""
    without = found.length_ns[found.company() == 0]
    return float(np.median(without)) if without.size else float(found.length_ns.min())


def _of_stage(stage: str, blocked: float, regular: float, slowed: float) -> tuple[Evidence, ...]:
    return (
        Evidence(
            f"{stage} with others in it, against alone",
            f"{slowed:.1f} times as long",
            f"above {_SLOWED:g}",
            "run.spans",
        ),
        Evidence(
            f"shortest tenth of the times between two that leave {stage}, to their median",
            f"{regular:.0%}",
            f"above {_REGULAR:.0%}",
            "run.spans",
        ),
        Evidence(
            f"blocked share of {stage}",
            f"{blocked:.0%}",
            f"above {_BLOCKED:.0%}",
            "run.breakdown()",
        ),
    )


def _suspicion(case: Case, wait: _Wait, at_once: float) -> Suspicion:
    saved = np.zeros(case.n)
    np.add.at(saved, wait.row, wait.waited_ns)
    if case.n > wait.row.max() + 1:  # those that were not looked at wait as the others do
        saved[wait.row.max() + 1 :] = wait.waited_ns.mean()
    where = f"before {wait.before}" if wait.before else f"in {wait.stage}"
    return Suspicion(
        cause=_CAUSE,
        stage=wait.stage,
        summary=f"requests wait for each other {where}, one at a time goes through",
        evidence=(*wait.evidence, *_line(case, wait)),
        advice="Hold the lock for less, or give each worker its own of what it guards",
        refuted_by="Serve one request at a time: if the wait stays, it is for something else.",
        after_ns=case.without(np.minimum(saved, _most(case, at_once))),
    )


def _most(case: Case, at_once: float) -> Floats:
    """Return what can be saved at most: requests side by side still share the cores."""
    cpu = sum(
        (each for stage in case.stages if (each := case.cpu(stage)) is not None), np.zeros(case.n)
    )
    crowding = max(at_once / (case.cores or at_once), 1.0)
    return np.maximum(case.service - crowding * cpu, 0.0)


def _line(case: Case, wait: _Wait) -> Iterator[Evidence]:
    """Yield the line that waits, where stacks were taken."""
    stacks = case.stacks
    if stacks is None:
        return
    line = hot_line(stacks["stack"][(stacks["stage"] == wait.stage) & ~stacks["on_cpu"]])
    if line is not None:
        yield line.evidence(f"line that waits in {wait.stage}")
