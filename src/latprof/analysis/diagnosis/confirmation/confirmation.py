"""Puts findings to the proof, one after the other, on the live target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from latprof.analysis.comparison import Decision
from latprof.analysis.diagnosis.confirmation.experiment import Load, Outcome, experiment
from latprof.analysis.diagnosis.confirmation.knobs import Setting, knobs_of
from latprof.analysis.diagnosis.finding import Diagnosis, Finding
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence
from latprof.load.inputs import input_list
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latprof.analysis.diagnosis.case import Case

__all__ = ["confirmed"]

_MOST_INPUTS = 10_000


def confirmed(diagnosis: Diagnosis, case: Case, target: Any, inputs: Iterable[Any]) -> Diagnosis:
    """Return a diagnosis whose findings were put to the proof where latprof can turn a knob.

    A finding whose knob makes requests faster is `confirmed`, with the measured gain; one whose
    knob changes nothing is dropped and told among what was ruled out; one that is not decided, or
    for which there is no knob, stays as it was. Each experiment takes some 15 seconds.

    Args:
        diagnosis: What to prove.
        case: What it was made of.
        target: The live target, as `latprof.profile` takes it.
        inputs: What requests take.
    """
    setting = Setting(target, max(1, int(case.cores or 1)), case.workers)
    load = Load(input_list(inputs, _MOST_INPUTS), _rate(case), float(diagnosis.p50_ns or 1))
    kept, dropped = [], []
    for finding in diagnosis.findings:
        outcome = _outcome(finding, setting, load)
        if outcome is not None and outcome.decision in (Decision.SAME, Decision.SLOWER):
            dropped.append(Cleared(finding.cause, _refutation(outcome)))
        else:
            kept.append(_proven(finding, outcome))
    kept.sort(key=lambda each: each.confidence != "confirmed")
    return replace(diagnosis, findings=tuple(kept), cleared=(*diagnosis.cleared, *dropped))


def _rate(case: Case) -> float | None:
    """Return the rate of an open loop, as its requests came."""
    if not case.open_loop or case.n < 2:
        return None
    intended = case.requests.intended_ns
    return float((case.n - 1) * 1e9 / max(int(intended[-1] - intended[0]), 1))


def _outcome(finding: Finding, setting: Setting, load: Load) -> Outcome | None:
    """Return what the first knob that makes a difference does, else what the last one does."""
    q = finding.gain.q
    outcome = None
    for knob in knobs_of(finding.cause, setting):
        outcome = experiment(knob, setting, load, q)
        if outcome.decision is Decision.FASTER:
            break
    return outcome


def _proven(finding: Finding, outcome: Outcome | None) -> Finding:
    if outcome is None or outcome.decision is not Decision.FASTER:
        return finding
    gain = outcome.before_ns - outcome.after_ns
    q = f"p{100 * finding.gain.q:g}"
    proof = Evidence(
        f"{q} with {outcome.knob}",
        duration_text(outcome.after_ns),
        f"{duration_text(outcome.before_ns)} beside it",
        "pairs of rounds",
    )
    return replace(
        finding, confidence="confirmed", measured_ns=gain, evidence=(proof, *finding.evidence)
    )


def _refutation(outcome: Outcome) -> str:
    before, after = duration_text(outcome.before_ns), duration_text(outcome.after_ns)
    return f"turned {outcome.knob}: {after} against {before} beside it, no gain"
