"""A stage that waits: for a network, a disk, a sleep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import per_request
from latprof.analysis.diagnosis.infrastructure.eventloop import loop_stops
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.infrastructure.memory_pressure import faults_of
from latprof.analysis.diagnosis.infrastructure.stalls import blocked_of, contrast
from latprof.analysis.diagnosis.infrastructure.turns import takes_turns
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.parts import UNTRACKED
from latprof.units import duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["blocking_call"]

Floats = npt.NDArray[np.float64]

_CAUSE = "blocking_call"
# A stage that computes is blocked for less than a tenth of its time; one that asks a server, for
# four fifths. Half is in between.
_BLOCKED = 0.5
_WORTH = 0.1  # of the service time: a shorter wait is no cause
# A service asks others, or its disk. Jeff Dean's numbers: half a millisecond for the way there and
# back within a data centre, 10 ms for a disk to seek. What is answered in a few is no fault.
_LEAST_NS = 4e6
_SWITCHES = 0.5  # voluntary ones a request; a thread that is stopped or waits for a core makes none
_RECORDING = 52.0  # of them, each second, are latprof's own: 50 beats and two flushes
_ELSEWHERE = 0.5  # of this stage's share at most: else the whole process stands still
# Python gives a waiting thread the GIL after 5 ms: a process that waits for others is sooner.
_AWAKE_S = 0.004


def blocking_call(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the stages, and the time outside them, in which requests wait for somebody else."""
    found = False
    for part in case.parts:
        blocked = blocked_of(case, part)
        stopped = loop_stops(case, part)
        if blocked is not None and _blocks(case, part, blocked, on_loop=stopped is not None):
            found = True
            yield _suspicion(case, part, blocked, stopped)
    if not found:
        known = any(case.blocked(stage) is not None for stage in case.stages)
        reason = "no stage waits for anything but a core" if known else "blocked time is not told"
        yield Cleared(_CAUSE, reason, known=known)


def _blocks(case: Case, part: str, blocked: Floats, *, on_loop: bool) -> bool:
    wall = case.wall(part)
    typical = float(np.median(blocked))
    if typical < max(_BLOCKED * float(np.median(wall)), _LEAST_NS):
        return False
    if typical < _WORTH * np.median(case.service) and not on_loop:
        return False
    if part in case.model_stages and _waits_for_device(case):
        return False
    if (faults_of(case) or 0.0) > 0 or (takes_turns(case) and not on_loop):
        return False
    elsewhere = contrast(case, part)
    share = float(blocked.sum() / wall.sum())
    if elsewhere is not None:
        return elsewhere <= _ELSEWHERE * share
    late_s = case.signals.median("heartbeat_late_p50_s")
    return late_s is None or late_s <= _AWAKE_S


def _waits_for_device(case: Case) -> bool:
    """Return whether a model is on a device: waiting for it is what its stage is for."""
    words = [case.attribute(name) for name in ("device", "provider")]
    seen = {str(value) for each in words if each is not None for value in each.values.tolist()}
    return any(not word.lower().startswith(("cpu", "none", "openvino")) for word in seen)


def _suspicion(case: Case, part: str, blocked: Floats, stopped: Floats | None) -> Suspicion:
    share = float(blocked.sum() / case.wall(part).sum())
    where = "run.breakdown()" if part != UNTRACKED else "run.breakdown(), run.signals"
    evidence = [
        Evidence(
            f"blocked share of {part}", share_text(share), f"above {share_text(_BLOCKED)}", where
        )
    ]
    evidence += _beside(case)
    if stopped is not None:
        return _of_loop(case, part, evidence, stopped)
    return Suspicion(
        cause=_CAUSE,
        stage=part,
        summary=f"{share_text(share)} of that is waiting, and not for a core: for a network, a "
        "disk, a sleep or a lock",
        evidence=tuple(evidence),
        advice="Take the wait out of the request: ask once instead of several times, keep what "
        "was answered, or ask at the same time",
        refuted_by="answer the call from memory: if nothing changes, it was not the wait",
        after_ns=case.without(blocked),
    )


def _of_loop(case: Case, part: str, evidence: list[Evidence], stopped: Floats) -> Suspicion:
    """Return what is to be said of a wait that stops the event loop: it may last, if awaited."""
    stops = Evidence(
        f"share of latency in which others were in {part}, on the same thread",
        share_text(float(stopped.sum() / case.latency.sum())),
        "one at a time, though several are served",
        "run.spans",
    )
    after_ns = np.maximum(case.latency - stopped, np.minimum(case.wall(part), case.latency))
    return Suspicion(
        cause=_CAUSE,
        stage=part,
        summary="it waits without awaiting, and the event loop serves nobody meanwhile",
        evidence=(evidence[0], stops, *evidence[1:]),
        advice="Await it, by a library that can be awaited or by asyncio.to_thread",
        refuted_by="serve one request at a time: if the others take as long, nobody stops them",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _beside(case: Case) -> Iterator[Evidence]:
    switches = per_request(case, "context_switches_voluntary")
    if switches is not None:
        own = switches - _RECORDING * _seconds_a_request(case)
        if own >= _SWITCHES:
            text = f"{own:.1f}"
            yield Evidence(
                "voluntary switches a request", text, f"above {_SWITCHES}", "run.signals"
            )
    late_s = case.signals.median("heartbeat_late_p50_s")
    if late_s is not None and late_s <= _AWAKE_S:
        text = duration_text(late_s * 1e9)
        yield Evidence("delay of a thread that asks for the GIL", text, "below 4 ms", "run.signals")


def _seconds_a_request(case: Case) -> float:
    answered = case.answered
    span_ns = float(answered.finished_ns.max() - answered.started_ns.min())
    return span_ns / 1e9 / max(1, answered.request_id.size)
