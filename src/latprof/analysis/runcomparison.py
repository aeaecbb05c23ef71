"""Two recorded runs compared, stage by stage: which changed by more than counts, and how sure.

Runs that were recorded apart differ by the machine's mood and by the start of the process as well
as by their code. What one start differs from the next is in every interval here; the mood of the
machine is not, since nothing recorded tells it. So this is weaker evidence than a duel or a gate,
which take turns within moments of each other.

Source:
    Two starts of the same model: a ratio of medians scatters with 1.24 % (METHODS, section 6, after
    Kalibera and Jones, ISMM 2013). The interval of a difference from those of its two sides: Zou
    and Donner, Statistics in Medicine 27 (2008). Several comparisons together: Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from latprof.analysis.blocks import load_spans
from latprof.analysis.comparison import (
    EFFECT,
    PART,
    TAIL_EFFECT,
    Decision,
    SpeedUp,
    adjusted,
)
from latprof.analysis.measured import load_measured
from latprof.analysis.parts import TOTAL, columns_of_requests
from latprof.analysis.quantiles import quantiles
from latprof.errors import UsageError
from latprof.run.answer import Answer

if TYPE_CHECKING:
    from latprof.run.model import Quantile, Run

__all__ = [
    "MACHINE",
    "START",
    "Changed",
    "RunComparison",
    "compare",
    "differences",
    "parts_that_count",
    "software_changes",
]

Int64s = npt.NDArray[np.int64]

_QUANTILES: Final = {0.5: EFFECT, 0.95: TAIL_EFFECT}
START = 0.0124
"""Standard deviation of the log ratio of two starts."""

_Z = 1.96
MACHINE = (
    ("cpu", "model"),
    ("cpu", "logical_cores"),
    ("cpu", "usable_cpus"),
    ("system", "machine"),
)
_SOFTWARE = (("python", "version"), ("system", "kernel"))
_LOAD = ("scenario", "probe", "inputs", "draw")


@dataclass(frozen=True, slots=True)
class Changed:
    """One quantile of one part in both runs.

    Attributes:
        part: A stage, "queue", "untracked", or "total" for the whole request.
        base_ns: The quantile in the first run.
        candidate_ns: In the second.
        found: The ratio of the first to the second, with its interval and what may be said.
    """

    part: str
    base_ns: float
    candidate_ns: float
    found: SpeedUp


@dataclass(frozen=True)
class RunComparison(Answer):
    """What changed from one recorded run to another.

    Attributes:
        base: Folder of the first run.
        candidate: Folder of the second.
        changes: The whole request first, then the parts in the order in which they begin.
        missing: Parts that cannot be compared, and why.
        notes: What else differs, or speaks against comparing them.
    """

    _told_by = "runcomparison"

    base: str
    candidate: str
    changes: tuple[Changed, ...]
    missing: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def decision(self) -> Decision:
        """Slower where anything surely is; else inconclusive where anything may be."""
        said = {each.found.decision for each in self.changes}
        order = (Decision.SLOWER, Decision.OPEN, Decision.FASTER)
        return next((each for each in order if each in said), Decision.SAME)


def compare(base: Run, candidate: Run, *, other_machine: bool = False) -> RunComparison:
    """Compare two recorded runs: the whole request and each stage, at p50 and p95.

    Slower or faster is what differs by more than 3 % at p50 or 5 % at p95, and surely differs, all
    comparisons taken together. For a verdict that a deploy hangs on, use `latprof gate`: it
    measures both within moments of each other.

    Args:
        base: The run to compare with.
        candidate: The other.
        other_machine: Compare though they were recorded on machines that differ.

    Raises:
        UsageError: They come from different machines, or one has no measured request.

    Example:
        >>> import latprof as lp
        >>> from latprof.testing import FakeClock, ScriptedTarget
        >>> def recorded(ns):
        ...     target = ScriptedTarget(FakeClock(), [ns, ns + 1000] * 100)
        ...     return lp.profile(target, [0], lp.SingleStream(requests=200), progress=False)
        >>> found = lp.compare(recorded(1_000_000), recorded(1_500_000))
        >>> str(found.decision), found.changes[0].part
        ('slower', 'total')
    """
    _require_same_machine(base, candidate, allowed=other_machine)
    sides = parts_that_count(base), parts_that_count(candidate)
    changes: list[Changed] = []
    missing: dict[str, str] = {}
    for part in dict.fromkeys((*sides[0], *sides[1])):
        reason = _absence(part, *sides)
        found = [] if reason else list(_changes(part, *(side[part] for side in sides)))
        changes += found
        if not found:
            missing[part] = reason or "too few requests, or too much alike, for an interval"
    together = adjusted([each.found for each in changes])
    return RunComparison(
        base=str(base.path),
        candidate=str(candidate.path),
        changes=tuple(
            Changed(each.part, each.base_ns, each.candidate_ns, found)
            for each, found in zip(changes, together, strict=True)
        ),
        missing=missing,
        notes=tuple(_notes(base, candidate)),
    )


def parts_that_count(run: Run) -> dict[str, Int64s]:
    """Return the self time of each part that matters in each measured request, the total first."""
    requests = load_measured(run)
    if not requests.request_id.size:
        raise UsageError(f"{run.path} has no measured request: record a longer run")
    total = requests.latency_ns
    columns = {TOTAL: total} | dict(columns_of_requests(load_spans(run, requests), requests))
    return {part: own for part, own in columns.items() if own.sum() >= PART * total.sum()}


def _absence(part: str, base: Mapping[str, Int64s], candidate: Mapping[str, Int64s]) -> str:
    for side, name in ((base, "base"), (candidate, "candidate")):
        if part not in side:
            return f"takes less than {100 * PART:g} % of the {name}"
    return ""


def _changes(part: str, base: Int64s, candidate: Int64s) -> Iterator[Changed]:
    """Yield the quantiles that both runs can carry."""
    for (q, effect), one, other in zip(
        _QUANTILES.items(),
        *(quantiles(each, tuple(_QUANTILES)) for each in (base, candidate)),
        strict=True,
    ):
        found = _ratio(q, effect, one, other)
        if found is not None:
            yield Changed(part, float(one.value_ns or 0), float(other.value_ns or 0), found)


def _ratio(q: float, effect: float, base: Quantile, candidate: Quantile) -> SpeedUp | None:
    """Return the ratio of two quantiles; None where either has no value or no interval."""
    sides = [_logs(each) for each in (base, candidate)]
    if None in sides:
        return None
    (one, low, high), (other, other_low, other_high) = (each for each in sides if each is not None)
    estimate, start = one - other, _Z * START
    down = math.hypot(one - low, other_high - other, start)
    up = math.hypot(high - one, other - other_low, start)
    p_value = 2 * float(ndtr(-abs(estimate) / ((down if estimate > 0 else up) / _Z)))
    return SpeedUp.of(q, estimate, (estimate - down, estimate + up), p_value, effect)


def _logs(found: Quantile) -> tuple[float, float, float] | None:
    values = (found.value_ns, found.low_ns, found.high_ns)
    if any(each is None or each <= 0 for each in values):
        return None
    value, low, high = (math.log(each) for each in values if each is not None)
    return value, low, high


def _require_same_machine(base: Run, candidate: Run, *, allowed: bool) -> None:
    differing = list(differences(base.manifest, candidate.manifest, MACHINE))
    if differing and not allowed:
        raise UsageError(
            f"these runs come from different machines ({'; '.join(differing)}): record both on "
            "one, or compare them all the same with other_machine=True (--other-machine)"
        )


def _notes(base: Run, candidate: Run) -> Iterator[str]:
    """Yield what the ratios do not say."""
    sides = base.manifest, candidate.manifest
    for each in differences(*sides, MACHINE):
        yield f"another machine: {each}"
    for each in software_changes(*sides):
        yield f"other software: {each}"
    for name in _LOAD:
        if sides[0].get(name) != sides[1].get(name):
            yield f"another load: their {name} is not the same"
    for run, name in ((base, "base"), (candidate, "candidate")):
        if run.validity.verdict != "VALID":
            yield f"the {name} is {run.validity.verdict}: {run.validity.reasons[0]}"


def software_changes(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Python, kernel and packages changed from one manifest to another."""
    yield from differences(base, candidate, _SOFTWARE)
    packages = [side["environment"].get("packages", {}) for side in (base, candidate)]
    for name in sorted(set(packages[0]) & set(packages[1])):
        if packages[0][name] != packages[1][name]:
            yield f"{name} {packages[0][name]}, then {packages[1][name]}"


def differences(
    base: Mapping[str, Any], candidate: Mapping[str, Any], places: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """Yield which of some facts of the environment differ, as two manifests tell them."""
    for room, key in places:
        one, other = (side["environment"].get(room, {}).get(key) for side in (base, candidate))
        if one != other and None not in (one, other):
            yield f"{key.replace('_', ' ')} {one}, then {other}"
