"""Which suspicions are worth a finding, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.causes import rank_of
from latprof.analysis.diagnosis.finding import Finding
from latprof.analysis.diagnosis.gain import gain_of
from latprof.analysis.diagnosis.lines import SEEN_IN, line_of_stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latprof.analysis.diagnosis.case import Case
    from latprof.analysis.diagnosis.lines import HotLine
    from latprof.analysis.diagnosis.suspicion import Evidence, Suspicion

__all__ = ["ranked"]

Floats = npt.NDArray[np.float64]

# Less than a tenth is not what makes a service slow, and on a shared machine a median moves by a
# few percent from run to run. The p99 moves by more.
_WORTH = {"tail": 0.2}
_WORTH_OTHERWISE = 0.1
_CLOCK_NS = 20_000.0  # what hooks and timers themselves add to a request is not a cause
_LIKELY = 2  # independent pieces of evidence
_SAME = 0.5  # of the smaller saving: from here on, two suspicions are about the same time
_NEIGHBOURS = "cpu_contention"
_WORKS = ("slow_stage", "eager_model", "slow_inputs")  # that a stage works, whoever else does
_OWN = 0.2  # of latency, gained by the service's own doing
_WAIT = "blocking_call"


def ranked(suspicions: Iterable[Suspicion], case: Case) -> list[Finding]:
    """Return findings, those that gain most at the level where they show first.

    A suspicion that says that a stage is slow or waits, and not why, gives way to one that says why
    of most of it. Where
    two explain the same time equally well, the order of the protocol decides: what comes in, what
    it runs on, what changed, the code.

    The wait for a core lasts as the work does that waits: so what makes a service work for longer
    comes before the neighbours that it shares its cores with, and they do not say why it works.

    Args:
        suspicions: Of all detectors.
        case: What they look at, with at least one measured request.
    """
    found = [(each, _finding(each, case)) for each in suspicions]
    worthy = [(each, finding) for each, finding in found if _is_worth_it(finding)]
    shared = any(_is_own(finding) for _, finding in worthy)
    worthy.sort(key=lambda pair: _place(pair[1], shared=shared))
    why = [each for each, _ in worthy if not each.generic]
    return [
        finding
        for each, finding in worthy
        if not any(_explains(other, each, case.latency) for other in why)
    ]


def _finding(suspicion: Suspicion, case: Case) -> Finding:
    before = case.latency if suspicion.before_ns is None else suspicion.before_ns
    shown = _shown(suspicion, case)
    line = line_of_stage(case, suspicion.stage, shown)
    return Finding(
        cause=suspicion.cause,
        stage=suspicion.stage,
        summary=suspicion.summary,
        evidence=(*suspicion.evidence, *_where(suspicion, line)),
        advice=suspicion.advice,
        refuted_by=suspicion.refuted_by,
        level=suspicion.level,
        p50=gain_of(before, suspicion.after_ns, 0.5),
        p99=gain_of(before, suspicion.after_ns, 0.99),
        held_ns=_held(suspicion, case, shown),
        confidence="likely" if len(suspicion.evidence) >= _LIKELY else "suspect",
        shares=case.shares(suspicion.stage, shown),
        line="" if line is None else line.place,
    )


def _shown(suspicion: Suspicion, case: Case) -> npt.NDArray[np.bool_]:
    """Return which requests it shows in: the slow ones where it is one of the tail."""
    if suspicion.level != "tail":
        return np.ones(case.n, np.bool_)
    return case.latency >= np.quantile(case.latency, 0.99)


def _where(suspicion: Suspicion, line: HotLine | None) -> tuple[Evidence, ...]:
    """Return the line of its stage, unless its detector has named one that says more.

    It tells where to look, and is no evidence of its own for the cause.
    """
    if line is None or any(each.where == SEEN_IN for each in suspicion.evidence):
        return ()
    return (line.evidence(f"line that {suspicion.stage} was most often in"),)


def _held(suspicion: Suspicion, case: Case, shown: npt.NDArray[np.bool_]) -> float | None:
    """Return what its stage takes of a request: of the middle one, or on average of slow ones."""
    if suspicion.stage not in case.parts or suspicion.before_ns is not None:
        return None
    wall = case.wall(suspicion.stage)
    if suspicion.level != "tail":
        return float(np.median(wall))
    return float(wall[shown].mean())


def _is_worth_it(finding: Finding) -> bool:
    if finding.level == "resource":
        return True  # what runs out is a matter of time, and costs none until then
    gain = finding.gain
    return gain.ns >= _CLOCK_NS and gain.share >= _WORTH.get(finding.level, _WORTH_OTHERWISE)


def _place(finding: Finding, *, shared: bool) -> tuple[bool, bool, float, int]:
    """Return what findings are sorted by.

    The first requests lose nearly all of their time to a cold start, but once; whatever costs time
    again and again comes before it.

    Args:
        finding: One of them.
        shared: Whether one of them is the service's own doing.
    """
    is_last = shared and finding.cause == _NEIGHBOURS
    return is_last, finding.level == "first", -_score(finding), rank_of(finding.cause)


def _is_own(finding: Finding) -> bool:
    return finding.cause != _NEIGHBOURS and finding.gain.share >= _OWN


def _score(finding: Finding) -> float:
    """Return the share of latency that is gained, in steps: nearly equal gains are equal."""
    return round(10 * finding.gain.share) / 10


def _explains(why: Suspicion, where: Suspicion, latency_ns: Floats) -> bool:
    """Return whether one suspicion says why what another says is slow."""
    if why is where or (why.cause == _NEIGHBOURS and where.cause in _WORKS):
        return False
    if why.cause == _NEIGHBOURS and _saved(why, latency_ns) < _saved(where, latency_ns):
        return False  # requests would queue without them too
    if where.cause == _WAIT:
        return why.stage == where.stage and _why_it_waits(why, where, latency_ns)
    return where.generic and _same(where, why, latency_ns)


def _saved(suspicion: Suspicion, latency_ns: Floats) -> float:
    """Return what all requests would save together, in ns."""
    before = latency_ns if suspicion.before_ns is None else suspicion.before_ns
    return float(np.maximum(before - suspicion.after_ns, 0.0).sum())


def _why_it_waits(why: Suspicion, where: Suspicion, latency_ns: Floats) -> bool:
    """Return whether one suspicion about a stage says why most of what waits there does."""
    if why.before_ns is not None or where.before_ns is not None:
        return False
    saved, explained = (np.maximum(latency_ns - each.after_ns, 0.0) for each in (where, why))
    return bool(np.minimum(saved, explained).sum() >= _SAME * saved.sum())


def _same(one: Suspicion, other: Suspicion, latency_ns: Floats) -> bool:
    """Return whether two suspicions are about the same time of the same requests."""
    if one.before_ns is not None or other.before_ns is not None:
        return one.stage == other.stage
    saved, explained = (np.maximum(latency_ns - each.after_ns, 0.0) for each in (one, other))
    smaller = min(saved.sum(), explained.sum())
    return bool(np.minimum(saved, explained).sum() >= _SAME * smaller)
