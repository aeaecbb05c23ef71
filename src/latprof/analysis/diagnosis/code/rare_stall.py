"""Rare stalls: now and then, one stage of a request takes many times as long as usual.

What counts is the time in which the stage ran or stood still; that in which it waited for a core
is the machine's, and that of a collection belongs to the collector. A service has stalls where
the slow passages lie apart from all others, are no burst, and do not follow the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.infrastructure.cores import per_request
from latprof.analysis.diagnosis.lines import line_of_stage
from latprof.analysis.diagnosis.recurrence import RARE, comes_by_count
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.parts import UNTRACKED
from latprof.units import duration_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["rare_stall"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_CAUSE = "rare_stall"
_FEWEST = 4  # stalls: fewer are an accident
_FEWEST_BETWEEN = 8  # outside stages, where nobody tells how long a thread had no core
_APART = 1.8  # times the longest other passage: chance leaves gaps of up to 1.6 in long tails
_TIMES = 3.0  # the usual time of the stage, and
_OF_REQUEST = 0.5  # of the usual request
_OF_EXCESS = 0.7  # of what slow requests take longer is in this one stage
_ELSEWHERE = 0.5  # as many in other parts: then the whole process stands still, in no stage
_SAME_BURST = 3  # requests: stalls that close to each other are one
# Where threads of a library help with the work, the one that hands it out waits for them: measured
# with OpenBLAS on two cores, for 5 to 15 ms now and then, with neighbours and without.
_HELPED, _HELPED_NS = 1.5, 20e6  # CPU time of the process against that of the stages
_FOLLOWS = 0.5  # of the stalls are of inputs that always stall


class _Stalls(NamedTuple):
    """The stalls of one stage.

    Attributes:
        stage: Which.
        row: The requests in which it stalled.
        extra_ns: How much longer than usual, of these.
        shortest_ns: The shortest of them.
        longest_other_ns: The longest of all others.
        concentration: Share of what those requests took longer that was in this stage.
        blocked: Share of the extra time in which the stage stood still; None where unknown.
    """

    stage: str
    row: Rows
    extra_ns: Floats
    shortest_ns: float
    longest_other_ns: float
    concentration: float
    blocked: float | None


def rare_stall(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect a stage that stalls in a few requests."""
    paused = _paused(case)
    found = [stalls for part in case.parts if (stalls := _stalls(case, part, paused)) is not None]
    follows = [each for each in found if _follows_input(case, each.row)]
    for each in found:
        if each not in follows:
            yield _suspicion(case, each)
    if follows:
        yield Cleared(_CAUSE, f"{follows[0].stage} is slow with the same inputs each time")
    elif not found:
        yield Cleared(_CAUSE, "no stage has a few passages that lie apart from all others")


def _stalls(case: Case, part: str, paused: Floats) -> _Stalls | None:
    own = _own_time(case, part, paused)
    if own.size * RARE < _FEWEST:
        return None
    shortest = _shortest(case, own)
    if shortest is None:
        return None
    row = np.flatnonzero(own >= shortest)
    if 1 + int(np.sum(np.diff(row) > _SAME_BURST)) < (
        _FEWEST_BETWEEN if part == UNTRACKED else _FEWEST
    ):
        return None
    wall = case.wall(part)
    extra = wall[row] - np.median(wall)  # in company of others it waits for a core too
    slower = np.maximum(case.service[row] - np.median(case.service), 1.0)
    concentration = float(np.median(np.minimum(extra / slower, 1.0)))
    if concentration < _OF_EXCESS:
        return None
    if _elsewhere(case, part, shortest, paused) > _ELSEWHERE * row.size:
        return None
    if float(np.median(extra)) < _HELPED_NS and _is_helped(case):
        return None
    blocked = _blocked_share(case, part, row, extra)
    longest_other = float(own[own < shortest].max())
    return _Stalls(part, row, extra, shortest, longest_other, concentration, blocked)


def _shortest(case: Case, own: Floats) -> float | None:
    """Return from how long on a passage is a stall: lies apart, or comes by count."""
    most = int(RARE * own.size)
    top = np.sort(own)[-most - 1 :]
    ratios = top[1:] / np.maximum(top[:-1], 1.0)
    ratios[most - _FEWEST + 1 :] = 0.0
    cut = int(np.argmax(ratios))
    usual = float(np.median(own))
    needed = max(_TIMES * usual, usual + _OF_REQUEST * float(np.median(case.service)))
    if ratios[cut] >= _APART and top[cut + 1] >= needed:
        return float(top[cut + 1])
    return needed if comes_by_count(own >= needed, _inputs(case)) else None


def _inputs(case: Case) -> npt.NDArray[np.generic]:
    """Return the inputs of requests, each another where they are not told."""
    inputs = case.attribute("input")
    return np.arange(case.n) if inputs is None else inputs.values


def _is_helped(case: Case) -> bool:
    used_s = per_request(case, "process_cpu_s")
    own = [cpu for stage in case.stages if (cpu := case.cpu(stage)) is not None]
    return bool(own and (used_s or 0.0) * 1e9 >= _HELPED * np.sum(own, axis=0).mean())


def _elsewhere(case: Case, part: str, shortest: float, paused: Floats) -> int:
    """Return in how many requests another part takes half a stall, or more, longer than usual.

    Who waits for the interpreter, or is stopped from outside, is so wherever it runs.
    """
    others = (_own_time(case, other, paused) for other in case.parts if other != part)
    longer = [own - np.median(own) >= 0.5 * shortest for own in others]
    return int(np.any(longer, axis=0).sum()) if longer else 0


def _own_time(case: Case, part: str, paused: Floats) -> Floats:
    """Return the time of a part in each request that neither the machine nor a collection took."""
    runqueue = case.runqueue(part)
    own = case.wall(part) - (0.0 if runqueue is None else runqueue)
    return np.maximum(own - paused, 0.0)


def _paused(case: Case) -> Floats:
    """Return how long collections paused each request."""
    ended, lengths = case.signals.points("gc_pause_ns")
    began = ended - lengths
    requests = case.requests
    paused = np.zeros(case.n)
    order = np.argsort(requests.started_ns, kind="stable")
    started = requests.started_ns[order]
    for begin, end in zip(began.tolist(), ended.tolist(), strict=True):
        rows = order[: np.searchsorted(started, end)]
        rows = rows[requests.finished_ns[rows] > begin]
        lasted = np.minimum(requests.finished_ns[rows], end) - np.maximum(
            requests.started_ns[rows], begin
        )
        paused[rows] += np.maximum(lasted, 0.0)
    return paused


def _blocked_share(case: Case, part: str, row: Rows, extra: Floats) -> float | None:
    blocked = case.blocked(part)
    if blocked is None:
        return None
    more = float((blocked[row] - np.median(blocked)).sum())
    return min(max(more / max(float(extra.sum()), 1.0), 0.0), 1.0)


def _follows_input(case: Case, row: Rows) -> bool:
    """Return whether the same inputs are slow each time: that is no stall but the input."""
    inputs = _inputs(case)
    if comes_by_count(np.isin(np.arange(case.n), row), inputs):
        return False
    times, slow = Counter(inputs.tolist()), Counter(inputs[row].tolist())
    always = sum(
        found for each, found in slow.items() if times[each] > 1 and found > 0.5 * times[each]
    )
    return always >= _FOLLOWS * row.size


def _suspicion(case: Case, stalls: _Stalls) -> Suspicion:
    saved = np.zeros(case.n)
    saved[stalls.row] = stalls.extra_ns
    where = "outside all stages" if stalls.stage == UNTRACKED else f"in {stalls.stage}"
    one_in = round(case.n / stalls.row.size)
    return Suspicion(
        cause=_CAUSE,
        stage=stalls.stage,
        summary=(
            f"one request in {one_in} stalls there for about "
            f"{duration_text(float(np.median(stalls.extra_ns)))}"
        ),
        evidence=tuple(_evidence(case, stalls, where)),
        advice="Take what happens there now and then out of the request: do it before, or beside",
        refuted_by="Leave out what happens now and then: if requests stall on, it is not that.",
        after_ns=case.without(saved),
        level="tail",
    )


def _evidence(case: Case, stalls: _Stalls, where: str) -> Iterator[Evidence]:
    yield Evidence(
        f"shortest of {stalls.row.size} stalls {where}",
        duration_text(stalls.shortest_ns),
        f"all others up to {duration_text(stalls.longest_other_ns)}",
        "run.plot('waterfall')",
    )
    yield Evidence(
        f"share of what these requests take longer that is {where}",
        f"{stalls.concentration:.0%}",
        f"above {_OF_EXCESS:.0%}",
        "run.tail()",
    )
    if stalls.blocked is not None:
        waits = stalls.blocked >= 0.5
        yield Evidence(
            f"time that it {'waits' if waits else 'computes'} in a stall",
            f"{stalls.blocked if waits else 1 - stalls.blocked:.0%}",
            "not for a core, not for the collector",
            "run.spans",
        )
    stalled = np.isin(np.arange(case.n), stalls.row)
    line = line_of_stage(case, stalls.stage, stalled)
    if line is not None:
        yield line.evidence("line in a stall")
