"""The diagnosis of a run: every detector is asked, and what they suspect is ranked by its gain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from latprof.analysis.diagnosis import code, data, drift, infrastructure
from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.finding import Diagnosis
from latprof.analysis.diagnosis.ranking import ranked
from latprof.analysis.diagnosis.suspicion import Cleared, Suspicion
from latprof.errors import UsageError
from latprof.run.model import Verdict

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["diagnose"]

_DETECTORS = (
    *data.DETECTORS,
    *infrastructure.DETECTORS,
    *drift.DETECTORS,
    *code.DETECTORS,
)


def diagnose(
    run: Run,
    baseline: Run | None = None,
    *,
    confirm: bool = False,
    target: Any = None,
    inputs: Iterable[Any] | None = None,
) -> Diagnosis:
    """Return why a service is slow, the likeliest cause first.

    The protocol asks in the order data, infrastructure, drift, code. Each cause needs evidence
    that was measured in this run; its gain is that of replaying the run without it.

    Args:
        run: What was recorded.
        baseline: A run of the same service when it was well, to find what changed since.
        confirm: Whether findings are put to the proof on the live target.
        target: The live target.
        inputs: What requests take in the proof.

    Raises:
        UsageError: `confirm` without a target and inputs.
    """
    case = Case(run, baseline)
    found = _found(case)
    if not confirm:
        return found
    if target is None or inputs is None:
        raise UsageError(
            "confirm=True sends requests to the live target: give target= and inputs= as you gave "
            "them to profile"
        )
    from latprof.analysis.diagnosis.confirmation import confirmed

    return confirmed(found, case, target, inputs)


def _found(case: Case) -> Diagnosis:
    said = [each for detector in _DETECTORS for each in detector(case)] if case.n else []
    suspicions = [each for each in said if isinstance(each, Suspicion)]
    findings = ranked(suspicions, case)
    found = {each.cause for each in findings}
    cleared = [each for each in said if isinstance(each, Cleared)]
    cleared += [_too_small(each) for each in suspicions]
    return Diagnosis(
        target=case.manifest["target"],
        requests=case.n,
        p50_ns=_quantile(case, 0.5),
        p99_ns=_quantile(case, 0.99),
        findings=tuple(findings),
        cleared=_once(each for each in cleared if each.cause not in found),
        doubts=_doubts(case.run),
    )


def _quantile(case: Case, q: float) -> float | None:
    return float(np.quantile(case.latency, q, method="inverted_cdf")) if case.n else None


def _too_small(suspicion: Suspicion) -> Cleared:
    where = f" in {suspicion.stage}" if suspicion.stage else ""
    return Cleared(suspicion.cause, f"seen{where}, but it makes no difference worth naming")


def _once(cleared: Iterable[Cleared]) -> tuple[Cleared, ...]:
    """Return one line a cause: the first."""
    first: dict[str, Cleared] = {}
    for each in cleared:
        first.setdefault(each.cause, each)
    return tuple(first.values())


def _doubts(run: Run) -> tuple[str, ...]:
    reasons = run.validity.reasons
    return tuple(each.evidence for each in reasons if each.severity is not Verdict.VALID)
