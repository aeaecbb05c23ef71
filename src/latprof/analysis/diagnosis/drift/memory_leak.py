"""Memory leak: each request leaves memory behind, and none of it is given back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import bytes_text, count_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["memory_leak"]

Floats = npt.NDArray[np.float64]

_CAUSE = "memory_leak"
_HELD = "rss_bytes"
_FEWEST = 3  # stretches of the run between samples, after the first
_SURE = 0.01
# An allocator takes what it needs and then has it: what still grows at the end of the run as it
# did before is no warm-up.
_STEADY = 0.5  # of the growth a request, in every stretch
# What a run leaves behind must matter to a machine: a service that answers a million requests
# between two restarts, each leaving four pages, holds 16 GB.
_A_REQUEST = 16_384.0
_ALL = 8 * 2.0**20  # and enough in this run not to be an arena that happened to be taken
_BLOCKS = 1.0  # Python objects a request that stay


class _Growth(NamedTuple):
    """What a level grew by, per request, in each stretch between two samples."""

    each: Floats
    requests: Floats

    @property
    def a_request(self) -> float:
        return float((self.each * self.requests).sum() / self.requests.sum())

    @property
    def whole(self) -> float:
        return float((self.each * self.requests).sum())

    @property
    def p_value(self) -> float:
        """The chance of such a growth where there is none (Student's t over the stretches)."""
        spread = float(self.each.std(ddof=1)) / np.sqrt(self.each.size)
        return float(stdtr(self.each.size - 1, -self.each.mean() / max(spread, 1e-9)))


def memory_leak(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a leak where memory grows with the requests, surely, steadily, and by enough."""
    growth = _growth(case, _HELD)
    if growth is None:
        reason = f"memory was looked at fewer than {_FEWEST + 2} times: record for longer"
        yield Cleared(_CAUSE, reason, known=False)
        return
    if not _leaks(growth):
        left = bytes_text(max(growth.a_request, 0.0))
        yield Cleared(_CAUSE, f"requests leave {left} each behind, or do not go on doing so")
        return
    left = bytes_text(growth.a_request)
    yield Suspicion(
        cause=_CAUSE,
        stage="",
        summary=f"each request leaves {left} behind: {bytes_text(growth.whole)} in this run",
        evidence=tuple(_evidence(case, growth)),
        advice="Find what keeps it (tracemalloc between two requests tells Python's part) and "
        "bound the cache, list or closure that does",
        refuted_by="run twice as long: if memory stops growing, it was a warm-up",
        after_ns=case.latency,
        level="resource",
    )


def _leaks(growth: _Growth) -> bool:
    steady = float(growth.each.min()) >= _STEADY * float(growth.each.mean()) > 0
    sure = growth.p_value <= _SURE
    return steady and sure and growth.a_request >= _A_REQUEST and growth.whole >= _ALL


def _evidence(case: Case, growth: _Growth) -> Iterator[Evidence]:
    yield Evidence(
        "memory that a request leaves behind",
        bytes_text(growth.a_request),
        f"above {bytes_text(_A_REQUEST)}, p < {_SURE}",
        'run.signals, signal "rss_bytes"',
    )
    yield Evidence(
        "slowest growth among the stretches of the run",
        f"{bytes_text(float(growth.each.min()))} a request",
        f"above {_STEADY:.0%} of the mean: it does not settle",
        'run.signals, signal "rss_bytes"',
    )
    objects = _growth(case, "allocated_blocks")
    if objects is not None and objects.p_value <= _SURE and objects.a_request >= _BLOCKS:
        yield Evidence(
            "Python objects that a request leaves behind",
            count_text(round(objects.a_request)),
            f"above {_BLOCKS:g}",
            'run.signals, signal "allocated_blocks"',
        )


def _growth(case: Case, name: str) -> _Growth | None:
    """Return the growth of a level in each stretch but the first, which is the warm-up."""
    if name not in case.signals.series:
        return None
    times, values = case.signals.series[name]
    done = np.searchsorted(np.sort(case.answered.finished_ns), times)
    kept = np.append(np.diff(done) > 0, True)
    requests, grown = np.diff(done[kept])[1:], np.diff(values[kept])[1:]
    if requests.size < _FEWEST or (requests <= 0).any():
        return None
    return _Growth(grown / requests, requests.astype(np.float64))
