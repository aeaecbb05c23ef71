"""Requests that come one by one and are let go together: a batcher that nobody has told us of.

Who waits for others ends as they do. Waits that have nothing to do with each other end as far
apart as they began, or at random; then a tenth of the gaps between their ends, as of any gaps that
are left to chance, are below a tenth of their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.code.passages import releases
from latprof.analysis.diagnosis.infrastructure.eventloop import loop_stops
from latprof.analysis.diagnosis.infrastructure.stalls import blocked_of
from latprof.analysis.parts import UNTRACKED

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["TOGETHER", "Gathering", "gathering"]

Int64s = npt.NDArray[np.int64]

TOGETHER = 0.4
"""Of the ends: of pairs it is half, of independent waits a tenth."""
_APART = 0.2  # of the entries at most may be as close: else requests come together already
_CLOSE = 0.1  # of the mean gap
_IDLE = 0.6  # of its time a request that waits for others does nothing itself
_FEWEST = 20


class Gathering(NamedTuple):
    """Where requests are gathered.

    Attributes:
        part: The stage, or "untracked".
        together: Share of its ends that follow another at once.
        groups: How many times requests were let go.
    """

    part: str
    together: float
    groups: int


def gathering(case: Case) -> Gathering | None:
    """Return where requests are gathered; None where they are not."""
    blocked = {part: each for part in case.parts if (each := blocked_of(case, part)) is not None}
    part = max(blocked, key=lambda name: float(blocked[name].sum()), default=None)
    if part is None or blocked[part].sum() < _IDLE * case.wall(part).sum():
        return None
    passed = releases(case).get("" if part == UNTRACKED else part)
    if passed is None or passed.row.size < _FEWEST or loop_stops(case, part) is not None:
        return None
    enters, leaves = _close(passed.enter_ns), _close(np.sort(passed.leave_ns))
    together = float(leaves.mean())
    if together < TOGETHER or float(enters.mean()) > _APART:
        return None
    return Gathering(part, together, int((~leaves).sum()) + 1)


def _close(times_ns: Int64s) -> npt.NDArray[np.bool_]:
    """Return which of some instants follow the one before at once."""
    gaps = np.diff(times_ns)
    return np.asarray(gaps < _CLOSE * gaps.mean())
