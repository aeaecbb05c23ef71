"""Cold start: the first requests pay for what could have been done before they came."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.drift.growth import worked
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import counted_text, duration_text

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = ["cold_start"]

Floats = npt.NDArray[np.float64]

_CAUSE = "cold_start"
# A tenth of a second is what people begin to notice: Miller, "Response time in man-computer
# conversational transactions", AFIPS 33 (1968). First calls that allocate buffers, start threads
# or fill caches stay below it.
_FELT_NS = 100e6
# But torch sets itself up at the first call of a module: measured, in 130 ms of computing, and in
# 240 on a busy machine. So what only computes, and constructs nothing, has to take longer.
_SETTLED_NS = 250e6
_MOSTLY = 0.5
_TIMES = 5.0  # the usual request: else it is a service that is slow at all times


def cold_start(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the start where its requests work far longer than the later ones, and people notice.

    What they waited for a core is not counted: a busy machine is not the service's start.
    """
    start = _Start(case.run)
    if not start.n or not case.n:
        yield Cleared(_CAUSE, "the first requests take as long as the others")
        return
    excess = {
        part: worked(start, part) - float(np.median(worked(case, part))) for part in start.parts
    }
    extra = np.sum(list(excess.values()), axis=0)
    usual = float(np.median(case.service))
    slow = extra >= np.maximum(_felt(start, extra), (_TIMES - 1) * usual)
    if not slow.any():
        most = duration_text(max(float(extra.max()), 0.0))
        yield Cleared(
            _CAUSE, f"the first requests take at most {most} longer, which nobody notices"
        )
        return
    part = max(excess, key=lambda name: float(excess[name][slow].sum()))
    yield _suspicion(case, start, part, slow, extra)


def _felt(start: _Start, extra: Floats) -> Floats:
    """Return from how long on the start of each request counts, in ns."""
    built = start.attribute("constructed_ns")
    loads = np.zeros(start.n) if built is None else np.nan_to_num(built.values.astype(np.float64))
    for part in start.stages:
        blocked = start.blocked(part)
        loads = loads + (0.0 if blocked is None else blocked)
    return np.where(loads >= _MOSTLY * extra, _FELT_NS, _SETTLED_NS)


def _suspicion(
    case: Case, start: _Start, part: str, slow: npt.NDArray[np.bool_], extra: Floats
) -> Suspicion:
    usual = float(np.median(case.service))
    longest = float(start.service[slow].max())
    count = counted_text(int(slow.sum()), "request")
    return Suspicion(
        cause=_CAUSE,
        stage=part if part in case.stages or part in start.stages else "",
        summary=f"{count} at the start took up to {duration_text(longest)}, where "
        f"{duration_text(usual)} is usual",
        evidence=tuple(_evidence(start, part, slow, extra, usual)),
        advice="Load and build it when the service starts, and send a few requests through it "
        "before it takes traffic",
        refuted_by="send one request and throw it away before the run: if the next one is as slow, "
        "it is not the start",
        before_ns=start.latency[slow],
        after_ns=np.maximum(start.latency - np.maximum(extra, 0.0), 0.0)[slow],
        level="first",
    )


def _evidence(
    start: _Start, part: str, slow: npt.NDArray[np.bool_], extra: Floats, usual: float
) -> Iterator[Evidence]:
    felt = duration_text(float(_felt(start, extra)[slow].min()))
    yield Evidence(
        "what the first requests worked beyond the usual",
        f"up to {duration_text(float(extra[slow].max()))}",
        f"above {felt} and {_TIMES - 1:g} times {duration_text(usual)}",
        "run.regimes()",
    )
    share = float(worked(start, part)[slow].sum() / max(start.service[slow].sum(), 1.0))
    yield Evidence(f"share of {part} in them", f"{100 * share:.0f} %", "the largest", "run.spans")


class _Start(Case):
    """The requests of a run before its steady state, as a case of their own."""

    @functools.cached_property
    def requests(self) -> Requests:
        """The answered requests before the steady phase."""
        return self.answered.pick(~self.answered.steady)
