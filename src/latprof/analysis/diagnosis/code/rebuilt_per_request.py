"""What could be built once is built in every request: a session, a tokenizer, a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import per_request
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import bytes_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["rebuilt_per_request"]

Floats = npt.NDArray[np.float64]

_CAUSE = "rebuilt_per_request"
_KINDS = {
    "constructed_sessions": "session",
    "constructed_tokenizers": "tokenizer",
    "constructed_modules": "module",
}
_OFTEN = 0.5  # of requests: fewer rebuild now and then, which is a stall
_SHARE = 0.1  # of the service time: less is not why it is slow
_HOLDS = 0.9  # of a constructor's time, in nine requests of ten: then it ran inside the stage
# Healthy services read some hundred bytes a request, for signals of their own process; a word list
# or a model is beyond this.
_READ_BYTES = 100_000.0
_FAULTS = 200.0  # METHODS, section 8: 763 to 2,280 a request with a session built in it, else 0.5
_DOMINANT = 0.3  # of latency, on a core
_LEFT = 0.1  # of a stage that reads and builds: the work itself is mostly less than that


def rebuilt_per_request(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect construction inside requests, as it was seen, or by what it reads and touches."""
    seen = list(_seen(case)) or list(_told_by_reading(case))
    if not seen:
        yield Cleared(_CAUSE, _why_not(case))
    yield from seen


def _why_not(case: Case) -> str:
    taken = case.attribute("constructed_ns")
    if taken is None:
        return "requests construct nothing that is known, and read no files"
    share = float(np.nansum(taken.values.astype(np.float64)) / max(case.service.sum(), 1.0))
    return f"what requests construct takes {share_text(share)} of their time"


def _seen(case: Case) -> Iterator[Suspicion]:
    """Suspect what was seen to be constructed in most requests."""
    taken = case.attribute("constructed_ns")
    if taken is None:
        return
    taken_ns = np.nan_to_num(taken.values.astype(np.float64))
    if float((taken_ns > 0).mean()) < _OFTEN or taken_ns.sum() < _SHARE * case.service.sum():
        return
    counts = {noun: found for name, noun in _KINDS.items() if (found := _count(case, name))}
    noun, count = max(counts.items(), key=lambda each: each[1], default=("object", 1.0))
    if "session" in counts:  # it builds more than it counts
        noun, count = "session", counts["session"]
    stage = _stage_of(case, taken_ns)
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"a {noun} is built in every request",
        evidence=(
            Evidence(
                f"{noun}s constructed a request",
                f"{count:.3g}",
                "0 after the start",
                "run.requests",
            ),
            Evidence(
                "time of constructors",
                duration_text(float(np.median(taken_ns))),
                f"above {share_text(_SHARE)} of the request",
                "run.requests, attr.constructed_ns",
            ),
        ),
        advice=f"Build the {noun} once, when the service starts",
        refuted_by="build it before the load: if requests take as long, it was not that",
        after_ns=case.without(taken_ns),
    )


def _count(case: Case, name: str) -> float:
    found = case.attribute(name)
    return 0.0 if found is None else float(np.nan_to_num(found.values.astype(np.float64)).mean())


def _stage_of(case: Case, taken_ns: Floats) -> str:
    """Return the part whose time holds the constructors' in nearly all requests, the tightest."""
    holding = [
        part
        for part in case.parts
        if float((case.wall(part) >= _HOLDS * taken_ns).mean()) >= _HOLDS
    ]
    return min(holding, key=lambda part: float(case.wall(part).sum()), default="")


def _told_by_reading(case: Case) -> Iterator[Suspicion]:
    """Suspect a stage that computes while each request reads a file, or touches new memory.

    What of the library is built there is not known, so the time of the stage is what there is to
    gain, but for a tenth that the work itself may take.
    """
    read, faults = per_request(case, "read_bytes"), per_request(case, "minor_faults")
    if read is None or read < _READ_BYTES or read < 2.0 * _payload(case):
        return
    stage = _dominant(case)
    if stage is None:
        return
    evidence = [
        Evidence(
            "bytes read a request",
            bytes_text(read),
            f"above {bytes_text(_READ_BYTES)}",
            "run.signals",
        ),
        Evidence(
            f"share of latency that {stage} computes",
            share_text(float(_cpu(case, stage).sum() / case.latency.sum())),
            f"above {share_text(_DOMINANT)}",
            "run.breakdown()",
        ),
    ]
    if faults is not None and faults >= _FAULTS:
        evidence.append(
            Evidence("new memory pages a request", f"{faults:,.0f}", "above 200", "run.signals")
        )
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"every request reads {bytes_text(read)} from files anew",
        evidence=tuple(evidence),
        advice="Read and build it once, when the service starts",
        refuted_by="trace which files are opened in a request: if none is, this is wrong",
        after_ns=case.without((1.0 - _LEFT) * case.wall(stage)),
    )


def _payload(case: Case) -> float:
    """Return the bytes of the usual input: who is sent a file may read as much."""
    found = case.attribute("input_bytes")
    return 0.0 if found is None else float(np.nanmedian(found.values.astype(np.float64)))


def _dominant(case: Case) -> str | None:
    """Return the stage that computes most beside the model; None where none computes much."""
    beside = [stage for stage in case.stages if stage not in case.model_stages] or case.stages
    stage = max(beside, key=lambda name: float(np.median(_cpu(case, name))), default=None)
    if stage is None or _cpu(case, stage).sum() < _DOMINANT * case.service.sum():
        return None
    return stage


def _cpu(case: Case, stage: str) -> Floats:
    cpu = case.cpu(stage)
    return np.zeros(case.n) if cpu is None else cpu
