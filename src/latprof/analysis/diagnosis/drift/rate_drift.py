"""Rate drift: requests come faster, or closer together, than before, and wait for each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from latprof.analysis.diagnosis.case import Case
from latprof.analysis.diagnosis.drift.growth import at_work
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.drift.drift import ERROR
from latprof.analysis.drift.stretch import find_stretch
from latprof.analysis.drift.subjects import arrivals_of
from latprof.analysis.levels import find_levels
from latprof.analysis.replay import starts
from latprof.units import duration_text, rate_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = ["rate_drift"]

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]

_CAUSE = "rate_drift"
_FASTER = 0.2  # a fifth more arrivals: less hardly shows in a queue that is not full already
_BURSTIER = 0.5  # of the variation of the gaps: see METHODS: 1 against 0.5 is a third of the p99
_WAITS = 0.1  # of the latency then: else nobody minds the rate
_SERVED = 0.1  # longer, and it is the service that has changed
_FEWEST = 20  # requests of either kind: as many as a change takes


class _Arrivals(NamedTuple):
    """Two lots of arrivals.

    Attributes:
        late: Which of the answered requests came in the busier time.
        gaps_before: Distances of arrivals in the calmer time, ns.
        service_before: Time that requests were worked on then.
        waits_before: Waits then.
        what: "arrival rate" or "burstiness".
        text: Of both, in words.
        where: When it was calmer, in words.
    """

    late: Chosen
    gaps_before: Floats
    service_before: Floats
    waits_before: Floats
    what: str
    text: str
    where: str


def rate_drift(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the arrivals where they became denser and the wait grew, not the service."""
    if not case.open_loop:
        yield Cleared(_CAUSE, "each request waited for an answer before it: no rate of its own")
        return
    baseline = case.baseline
    # A service that is faster while it is busy seems to warm up: the calm time counts all the same.
    case = _All(case.run)
    found = _within(case) if baseline is None else _since(case, baseline)
    if found is None:
        yield Cleared(_CAUSE, "requests came as fast and as evenly throughout")
        return
    grew = float(np.median(at_work(case)[found.late]) / max(np.median(found.service_before), 1.0))
    waits = case.requests.queue_ns.astype(np.float64)[found.late]
    share = float((waits.mean() - found.waits_before.mean()) / case.latency[found.late].mean())
    if share < _WAITS or grew > 1 + _SERVED:
        reason = "the service itself takes longer" if share >= _WAITS else "nobody waits for it"
        yield Cleared(_CAUSE, f"{found.what} went up, but {reason}")
        return
    yield Suspicion(
        cause=_CAUSE,
        stage="queue",
        summary=f"{found.what} went up from {found.text}, and requests wait for each other",
        evidence=tuple(_evidence(found, waits, share, grew)),
        advice="Add workers or replicas for the rate that comes now, or spread it: the service is "
        "as fast as before",
        refuted_by=f"send the requests as {found.where}: if they wait as long, it is not the rate",
        before_ns=case.latency[found.late],
        after_ns=_spread(case, found)[found.late],
        level="trend" if baseline is None else "typical",
    )


class _All(Case):
    """A run with all answered requests, whatever their phase."""

    @property
    def requests(self) -> Requests:
        """The answered requests."""
        return self.answered


def _evidence(found: _Arrivals, waits: Floats, share: float, grew: float) -> Iterator[Evidence]:
    least = _FASTER if found.what == "arrival rate" else _BURSTIER
    yield Evidence(found.what, found.text, f"above {share_text(least)} more", "run.timeline()")
    yield Evidence(
        "mean wait, calm and now",
        f"{duration_text(float(found.waits_before.mean()))}, {duration_text(float(waits.mean()))}",
        f"above {share_text(_WAITS)} of the latency more; it is {share_text(share)}",
        "run.breakdown()",
    )
    yield Evidence(
        "service time, now over calm", f"{grew:.2f}", f"below {1 + _SERVED:g}", "run.drift()"
    )


def _within(case: Case) -> _Arrivals | None:
    arrivals = case.requests.intended_ns.astype(np.float64)
    arrivals -= arrivals[0]
    busy = _busy(arrivals)
    return _parted(case, arrivals, *busy) if busy is not None else None


def _parted(case: Case, arrivals: Floats, late: Chosen, what: str, text: str) -> _Arrivals | None:
    if min(late.sum(), (~late).sum()) < _FEWEST:
        return None
    gaps = np.diff(arrivals)[~late[1:] & ~late[:-1]]
    waits = case.requests.queue_ns.astype(np.float64)
    return _Arrivals(late, gaps, at_work(case)[~late], waits[~late], what, text, "in calmer times")


def _busy(arrivals: Floats) -> tuple[Chosen, str, str] | None:
    """Return which requests came in a busier time than the calmest, and how that shows."""
    dense = _dense(arrivals)
    if dense is not None:  # not by bursts alone: they shorten most gaps at the same rate
        before, after = _rates(arrivals, dense)
        if after > (1 + _FASTER) * before:
            return dense, "arrival rate", f"{rate_text(before)} to {rate_text(after)}"
    for subject, least in zip(arrivals_of(arrivals), (_FASTER, _BURSTIER), strict=False):
        change = subject.change()
        if change.p_value > ERROR:
            continue
        before, after = (part.mean() for part in np.split(subject.values, [change.at]))
        if after > (1 + least) * before:
            late = arrivals >= subject.when_ns[change.at]
            is_rate = subject.name == "arrival rate"
            text = rate_text if is_rate else "{:.2f}".format
            return late, subject.name, f"{text(before)} to {text(after)}"
    return None


def _dense(arrivals: Floats) -> Chosen | None:
    """Return which requests came at shorter distances than those of the calmest stretch.

    By the distances, so that a busy time counts by its requests, however short it is: one stretch
    of short ones, or levels where a trace has several.
    """
    gaps = np.diff(arrivals)
    stretch = find_stretch(gaps, _FEWEST)
    if stretch is not None:
        at = np.arange(arrivals.size) - 1  # of the gap before each
        return (at >= stretch.begin) & (at < stretch.end)
    levels = find_levels(gaps.astype(np.int64))
    if levels is None:
        return None
    edges = [levels.first_value(level) for level in range(len(levels.heights))]
    sizes = np.diff([*edges, arrivals.size])
    calm = max(levels.heights)
    is_dense = [height < calm - math.log1p(_FASTER) for height in levels.heights]
    return np.repeat(is_dense, sizes) if any(is_dense) else None


def _rates(arrivals: Floats, late: Chosen) -> tuple[float, float]:
    """Return the rates of the calm and of the busy time, a second."""
    gaps = np.diff(arrivals)
    calm, busy = gaps[~late[1:] & ~late[:-1]], gaps[late[1:] & late[:-1]]
    if not calm.size or not busy.size:
        return 0.0, 0.0
    return 1e9 / max(float(calm.mean()), 1.0), 1e9 / max(float(busy.mean()), 1.0)


def _since(case: Case, baseline: Case) -> _Arrivals | None:
    if not baseline.open_loop or min(case.n, baseline.n) < _FEWEST:
        return None
    now, then = (np.diff(each.requests.intended_ns.astype(np.float64)) for each in (case, baseline))
    rates = 1e9 / max(float(then.mean()), 1.0), 1e9 / max(float(now.mean()), 1.0)
    varied = [float(each.std() / max(each.mean(), 1.0)) for each in (then, now)]
    if rates[1] > (1 + _FASTER) * rates[0]:
        what, text = "arrival rate", f"{rate_text(rates[0])} to {rate_text(rates[1])}"
    elif varied[1] > (1 + _BURSTIER) * varied[0]:
        what, text = "burstiness", f"{varied[0]:.2f} to {varied[1]:.2f}"
    else:
        return None
    late = np.ones(case.n, np.bool_)
    waits = baseline.requests.queue_ns.astype(np.float64)
    return _Arrivals(late, then, at_work(baseline), waits, what, text, "in the baseline")


def _spread(case: Case, found: _Arrivals) -> Floats:
    """Return the latencies had the late requests come at the distances of calm ones of their rank.

    What a wait held beyond a replay of it stays.
    """
    arrivals = (case.requests.intended_ns - case.requests.intended_ns[0]).astype(np.float64)
    gaps = np.diff(arrivals, prepend=0.0)
    late = np.flatnonzero(found.late & (np.arange(case.n) > 0))
    calm = np.sort(found.gaps_before)
    rank = (rankdata(gaps[late]) - 0.5) / max(late.size, 1)
    apart = gaps.copy()
    apart[late] = np.maximum(calm[(rank * calm.size).astype(int)], gaps[late])
    spread = np.cumsum(apart)
    before, now = (starts(each, case.service, case.workers) - each for each in (arrivals, spread))
    waits = case.requests.queue_ns.astype(np.float64)
    return np.asarray(np.maximum(waits - np.maximum(before - now, 0.0), 0.0) + case.service)
