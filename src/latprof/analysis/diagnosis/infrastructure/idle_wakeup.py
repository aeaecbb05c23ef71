"""Waking up: the first request after a pause takes longer than those that follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import waits_in_stages
from latprof.analysis.diagnosis.infrastructure.level import level_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import duration_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["idle_wakeup"]

Floats = npt.NDArray[np.float64]

_CAUSE = "idle_wakeup"
_LEAST = 8  # requests on either side of a threshold
# Caches that have gone cold make a request after a pause up to 1.9 times as long (measured); what
# must be loaded, connected or built again takes more.
_SLOWER = 2.0
# Beside busy neighbours a core forgets all of a short service: measured, requests of 0.1 to 0.7 ms
# take up to 5 times as long after a pause, and 0.4 ms longer at most. A connection, a file or a
# model takes more.
_LONGER_NS = 1e6
_RANKS = 0.3  # correlation of the pause with the service time
_PAUSE_NS = 1e6  # no service goes to sleep sooner
_THRESHOLDS = 30


class _Split(NamedTuple):
    """Where pauses begin to matter.

    Attributes:
        after_ns: Pauses of this length or more.
        late: Which requests come after one.
        ratio: Of the median service times.
        longer_ns: Their difference.
    """

    after_ns: float
    late: npt.NDArray[np.bool_]
    ratio: float
    longer_ns: float


def idle_wakeup(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect what a service does after a pause, where requests after one take twice as long.

    What they wait for a core is not counted: that is the machine's doing.
    """
    pauses, waits = _pauses(case), waits_in_stages(case)
    service = case.service if waits is None else np.maximum(case.service - waits, 0.0)
    split = _split(pauses, service)
    if split is None:
        yield Cleared(_CAUSE, "there were no pauses of different length to compare", known=False)
        return
    ranks = _correlation(pauses, service)
    if split.ratio < _SLOWER or split.longer_ns < _LONGER_NS or ranks < _RANKS:
        longer = duration_text(max(split.longer_ns, 0.0))
        reason = f"after a pause requests take {longer} longer, {split.ratio:.1f} times as long"
        yield Cleared(_CAUSE, reason)
        return
    usual = float(np.median(service[~split.late]))
    after_ns = case.without(np.where(split.late, np.maximum(service - usual, 0.0), 0.0))
    pause = duration_text(split.after_ns)
    yield Suspicion(
        cause=_CAUSE,
        stage=_stage(case, split.late),
        summary=f"after a pause of {pause} or more a request takes {split.ratio:.1f} times as long",
        evidence=(
            Evidence(
                f"service time after {pause}, against that after less",
                f"{split.ratio:.1f} times, {duration_text(split.longer_ns)} longer",
                f"above {_SLOWER:g} and {duration_text(_LONGER_NS)}",
                "run.requests",
            ),
            Evidence(
                "rank correlation of pause and service time",
                f"{ranks:.2f}",
                f"above {_RANKS}",
                "run.requests",
            ),
        ),
        advice="Keep it awake: a request of its own now and then, connections kept alive, no "
        "unloading, no deep sleep of the cores",
        refuted_by="send requests without pauses: if some stay slow, it is not the pause",
        after_ns=after_ns,
        level=level_of(case.latency, after_ns),
    )


def _pauses(case: Case) -> Floats:
    """Return for how long nothing was served before each measured request began, in ns."""
    requests = case.answered
    order = np.argsort(requests.started_ns, kind="stable")
    started, finished = requests.started_ns[order], requests.finished_ns[order]
    last = np.concatenate([started[:1], np.maximum.accumulate(finished)[:-1]])
    pauses = np.empty(started.size)
    pauses[order] = np.maximum(started - last, 0)
    return pauses[requests.steady]


def _split(pauses: Floats, service: Floats) -> _Split | None:
    """Return the split with the largest ratio; None where there are too few on either side."""
    candidates = np.unique(np.quantile(pauses, np.linspace(0.02, 0.98, _THRESHOLDS)))
    lates = [(float(each), pauses >= each) for each in candidates if each >= _PAUSE_NS]
    splits = [
        _compare(each, late, service)
        for each, late in lates
        if _LEAST <= late.sum() <= pauses.size - _LEAST
    ]
    return max(splits, key=lambda each: each.ratio, default=None)


def _compare(after_ns: float, late: npt.NDArray[np.bool_], service: Floats) -> _Split:
    then, else_ns = float(np.median(service[late])), float(np.median(service[~late]))
    return _Split(after_ns, late, then / max(else_ns, 1.0), then - else_ns)


def _correlation(pauses: Floats, service: Floats) -> float:
    ranks = [
        np.argsort(np.argsort(each, kind="stable")).astype(np.float64) for each in (pauses, service)
    ]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _stage(case: Case, late: npt.NDArray[np.bool_]) -> str:
    """Return the part that grows most after a pause."""
    grown = {
        part: float(np.median(case.wall(part)[late]) - np.median(case.wall(part)[~late]))
        for part in case.parts
    }
    return max(grown, key=lambda part: grown[part], default="")
