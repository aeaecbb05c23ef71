"""One planted case is examined: profiled with its fault and without it, in turns, and diagnosed."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import latprof as lp

from .case import Arm, Planted

_BUSY = ("machine_cpu_busy_s", "process_cpu_s")

__all__ = ["Examined", "Named", "Trial", "examine", "profile", "trial"]


@dataclass(frozen=True)
class Named:
    """One finding, as far as it is judged."""

    cause: str
    stage: str
    level: str
    p50_gain_ns: float
    p99_gain_ns: float
    confidence: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One run of one arm.

    Attributes:
        is_fixed: Whether it was without the fault.
        p50_ns: Median latency of the measured requests.
        p99_ns: Their 99th percentile.
        requests: How many there were.
        others: Cores that other processes kept busy beside it, on average.
        findings: What `run.diagnose()` found, best first; None where it cannot be asked.
        seconds: What asking took.
    """

    is_fixed: bool
    p50_ns: float
    p99_ns: float
    requests: int
    others: float | None
    findings: tuple[Named, ...] | None
    seconds: float


@dataclass
class Examined:
    """What came out for one case.

    Attributes:
        name: Of the case.
        trials: Of both arms, in the order in which they were made.
        problem: Why there are none.
    """

    name: str
    trials: list[Trial] = field(default_factory=list)
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Examined:
        """Return what `to_dict` made."""
        trials = []
        for each in data["trials"]:
            found = each["findings"]
            named = None if found is None else tuple(Named(**finding) for finding in found)
            trials.append(Trial(**{**each, "findings": named}))
        return cls(data["name"], trials, data["problem"])


def examine(case: Planted, pairs: int, healthy: int) -> Examined:
    """Profile both arms in turns, and diagnose each run.

    Args:
        case: What is planted.
        pairs: How often both are profiled.
        healthy: How often the healthy one is profiled at least, those of the pairs included.
    """
    examined = Examined(case.name)
    baseline: lp.Run | None = None
    for turn in range(max(pairs, healthy)):
        well = profile(case, fixed=True)
        baseline = baseline or (well if case.baseline else None)
        if turn < pairs:
            examined.trials.append(trial(profile(case, fixed=False), baseline, is_fixed=False))
        examined.trials.append(trial(well, None if well is baseline else baseline, is_fixed=True))
    return examined


def profile(case: Planted, *, fixed: bool) -> lp.Run:
    """Build an arm, and profile it as a user does: with default settings."""
    with case.build(fixed) as arm:
        gc.collect()
        return _profiled(arm)


def _profiled(arm: Arm) -> lp.Run:
    target = arm.service if arm.target is None else arm.target
    with lp.instrument(arm.service, stages=arm.stages):
        return lp.profile(target, arm.inputs, arm.scenario, progress=False)


def trial(run: lp.Run, baseline: lp.Run | None, *, is_fixed: bool) -> Trial:
    """Diagnose a run, and keep what is judged."""
    begin = time.perf_counter()
    findings = _findings(run, baseline)
    seconds = time.perf_counter() - begin
    latency_ns = _latency_ns(run)
    return Trial(
        is_fixed=is_fixed,
        p50_ns=float(np.quantile(latency_ns, 0.5)),
        p99_ns=float(np.quantile(latency_ns, 0.99)),
        requests=len(latency_ns),
        others=_others(run),
        findings=findings,
        seconds=seconds,
    )


def _latency_ns(run: lp.Run) -> Any:
    requests = run.requests
    measured = requests[(requests.status == "ok") & (requests.phase == "steady")]
    return (measured.finished_ns - measured.intended_ns).to_numpy()


def _findings(run: lp.Run, baseline: lp.Run | None) -> tuple[Named, ...] | None:
    if not hasattr(run, "diagnose"):
        return None
    found: Sequence[Any] = run.diagnose(baseline).findings
    return tuple(
        Named(
            each.cause,
            each.stage,
            each.level,
            each.p50.ns,
            each.p99.ns,
            each.confidence,
            tuple(map(str, each.evidence)),
        )
        for each in found
    )


def _others(run: lp.Run) -> float | None:
    """Return how many cores were busy with other processes, on average."""
    signals = run.signals
    if signals.empty:
        return None
    seconds = (signals.time_ns.max() - signals.time_ns.min()) / 1e9
    used = [signals[signals.signal == name].value for name in _BUSY]
    if seconds <= 0 or any(values.empty for values in used):
        return None
    machine, own = (float(np.ptp(values)) / seconds for values in used)
    return max(0.0, machine - own)
