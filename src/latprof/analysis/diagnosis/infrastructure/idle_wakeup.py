"""Waking up: the first request after a pause takes longer than those that follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

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
_RANKS = 0.3  # correlation of the pause with the service time
_PAUSE_NS = 1e6  # no service goes to sleep sooner
_THRESHOLDS = 30


class _Split(NamedTuple):
    """Where pauses begin to matter.

    Attributes:
        after_ns: Pauses of this length or more.
        late: Which requests come after one.
        ratio: Of the median service times.
    """

    after_ns: float
    late: npt.NDArray[np.bool_]
    ratio: float


def idle_wakeup(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect what a service does after a pause, where requests after one take twice as long."""
    pauses = _pauses(case)
    split = _split(pauses, case.service)
    if split is None:
        yield Cleared(_CAUSE, "there were no pauses of different length to compare", known=False)
        return
    ranks = _correlation(pauses, case.service)
    if split.ratio < _SLOWER or ranks < _RANKS:
        reason = f"after a pause requests take {split.ratio:.1f} times as long as else"
        yield Cleared(_CAUSE, reason)
        return
    usual = float(np.median(case.service[~split.late]))
    after_ns = case.without(np.where(split.late, np.maximum(case.service - usual, 0.0), 0.0))
    pause = duration_text(split.after_ns)
    yield Suspicion(
        cause=_CAUSE,
        stage=_stage(case, split.late),
        summary=f"after a pause of {pause} or more a request takes {split.ratio:.1f} times as long",
        evidence=(
            Evidence(
                f"service time after {pause}, against that after less",
                f"{split.ratio:.1f} times",
                f"above {_SLOWER:g}",
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
    splits = [_Split(float(each), pauses >= each, 0.0) for each in candidates if each >= _PAUSE_NS]
    splits = [each for each in splits if _LEAST <= each.late.sum() <= pauses.size - _LEAST]
    rated = [each._replace(ratio=_ratio(service, each.late)) for each in splits]
    return max(rated, key=lambda each: each.ratio, default=None)


def _ratio(values: Floats, late: npt.NDArray[np.bool_]) -> float:
    return float(np.median(values[late]) / max(float(np.median(values[~late])), 1.0))


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
