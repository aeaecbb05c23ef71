"""What a replay cannot know, with the reason and what to record instead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.quantiles import nearest_rank
from latprof.analysis.whatif.recorded import Loop
from latprof.units import counted_text, duration_text, rate_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.whatif.arm import Arm
    from latprof.analysis.whatif.change import Change
    from latprof.analysis.whatif.recorded import Recorded

__all__ = [
    "FARTHEST",
    "FULLEST",
    "QUANTILES",
    "Refusal",
    "drift_of",
    "quantile_of",
    "refuse_by_gate",
    "refuse_by_load",
    "refuse_by_question",
    "refuse_by_record",
    "refuse_by_sharing",
]

Floats = npt.NDArray[np.float64]

QUANTILES = (0.5, 0.95, 0.99)
FULLEST = 0.95  # of the workers' time: beyond, no record is long enough for the queue
_FEWEST = 50
FARTHEST = 3.0  # times the recorded rate
_GATE = 0.05  # of the recorded quantile, METHODS of the project
_CLOCKS_NS = 20_000.0  # by which two ways of timing the same request may differ
_STRETCHES = 8
_WORST_DRIFT = 0.25  # of the p99: more is no answer
_MORE_LOAD = 1.05
_SERIAL_CPU = 0.5  # cores' worth: beyond, threads that share an interpreter wait for it visibly
_SHARED = 1.1  # times as long beside others: something is shared


class Refusal(Exception):  # noqa: N818 - it is an answer; nobody outside sees it raised
    """Why the method cannot know, and what would let it."""


def quantile_of(values: Floats, q: float) -> float:
    """Return the nearest-rank quantile."""
    rank = nearest_rank(values.size, q) - 1
    return float(np.partition(values, rank)[rank])


def refuse_by_record(recorded: Recorded, *, batches: bool = False) -> None:
    """Refuse what no replay can be made of.

    Args:
        recorded: The run.
        batches: Whether it was recorded under a batcher, whose waits inside are known.
    """
    if recorded.count < _FEWEST:
        few = counted_text(recorded.count, "measured request")
        raise Refusal(f"{few} say too little: record 1,000 or more")
    if recorded.loop is Loop.QUERIES:
        raise Refusal(
            "the next query came when the last was answered: record with SingleStream or Poisson"
        )
    if recorded.has_inner_queue and not batches:
        raise Refusal(
            "requests wait inside the service too (stage queue), for servers that this run does "
            "not tell of: drive the service with workers= as many as it really has"
        )


def refuse_by_question(recorded: Recorded, change: Change) -> None:
    """Refuse what this kind of load cannot answer."""
    moves = change.rate is not None or change.workers is not None or change.batch is not None
    if recorded.loop is Loop.CLOSED and moves:
        raise Refusal(
            "in a closed loop the next request comes when the last is answered, so there was no "
            "queue, and no rate: record with Poisson(rate), and ask again"
        )
    if recorded.at_once and change.rate is not None:
        raise Refusal("all requests were there at once: record with Poisson(rate)")
    if recorded.workers is None and moves and recorded.loop is Loop.OPEN:
        raise Refusal(
            "requests were served without a limit on how many at once, so what they did to each "
            "other is inside their own times: record at the load that you ask for"
        )


def refuse_by_load(recorded: Recorded, change: Change, other: Recorded | None, busy: float) -> None:
    """Refuse a load that is too high, or too far from what was recorded.

    Args:
        recorded: The run.
        change: What is asked.
        other: A second run, whose rate counts as recorded too.
        busy: Share of the workers' time that the change takes.
    """
    if change.rate is not None:
        known = max(recorded.planned_rate, other.planned_rate if other else 0.0)
        if change.rate > FARTHEST * known:
            raise Refusal(
                f"{rate_text(change.rate)} is {change.rate / known:,.1f} times the highest "
                f"recorded rate, and a service is another at another load: record at "
                f"{rate_text(change.rate / FARTHEST)} or more, or give such a run as other="
            )
    if busy > FULLEST:
        raise Refusal(
            f"workers would be {share_text(busy)} busy, and beyond {share_text(FULLEST)} the queue "
            "depends on how long the load lasts: lower the rate or add workers"
        )
    before = recorded.busy / (recorded.workers or 1)
    drift = drift_of(recorded)
    if busy > _MORE_LOAD * before and drift > _WORST_DRIFT * (1 - busy):
        raise Refusal(
            f"service times drifted by {share_text(drift)} within the run, which at {busy:.2f} of "
            f"the workers' time moves the p99 by {share_text(drift / (1 - busy))}: quieten the "
            "machine and record again, longer"
        )


def drift_of(recorded: Recorded) -> float:
    """Return how far the level of service times swings over stretches, beyond what chance does."""
    logs = np.log(recorded.services[recorded.measured])
    parts = np.array_split(logs, _STRETCHES)
    levels = np.array([np.median(part) for part in parts])
    # The variance of a median of m values is about pi / 2 that of their mean.
    by_chance = math.pi / 2 * float(np.mean([part.var() / part.size for part in parts]))
    return math.sqrt(max(0.0, float(levels.var(ddof=1)) - by_chance))


def refuse_by_sharing(
    recorded: Recorded, change: Change, other: Recorded | None, factors: tuple[float, ...]
) -> None:
    """Refuse more workers where what they would share was never put to the test.

    Args:
        recorded: The run.
        change: What is asked.
        other: A second run, which may have had that many workers.
        factors: How long a request takes, by how many it finds in service.
    """
    had = recorded.workers or 1
    if change.workers is None or change.workers <= had:
        return
    if other is not None and (other.workers or 1) >= change.workers:
        return
    advice = f"record a run with workers={change.workers} and give it as other="
    if had > 1 and max(factors) > _SHARED * factors[0]:
        raise Refusal(
            f"a request took up to {max(factors) / factors[0]:.2f} times as long with others in "
            f"service: workers share a lock, the interpreter or cores; {advice}"
        )
    serial = (change.rate or recorded.planned_rate) * recorded.cpu_ns / 1e9
    if had == 1 and serial > _SERIAL_CPU:
        raise Refusal(
            f"requests take {serial:.2f} cores of CPU time a second, and whether workers can do "
            f"that side by side (the interpreter's lock, cores) was not recorded: {advice}"
        )


def refuse_by_gate(recorded: Recorded, arm: Arm) -> dict[float, float]:
    """Return how far replaying the run itself is off, by quantile; refuse where that is too far.

    Args:
        recorded: The run.
        arm: Its load as it was recorded.
    """
    replayed = arm.latencies(np.arange(recorded.arrivals.size))
    measured = recorded.latencies[recorded.measured]
    off = {}
    for q in QUANTILES:
        was, now = quantile_of(measured, q), quantile_of(replayed, q)
        off[q] = abs(now - was) / was if was > 0 else 0.0
        tested = q == 0.5 or measured.size * (1 - q) >= 10
        if tested and abs(now - was) > max(_GATE * was, _CLOCKS_NS):
            raise Refusal(_hidden(q, was, now))
    return off


def _hidden(q: float, was: float, now: float) -> str:
    told = (
        f"replaying the recorded arrivals and services gives a p{100 * q:g} of "
        f"{duration_text(now)}, not the recorded {duration_text(was)}: "
    )
    if was > now:
        return told + (
            "requests wait for something else besides the workers, a lock or a queue of the "
            "service's own; mark that wait with stage('queue'), or give workers= as many as it "
            "really serves at once"
        )
    return told + (
        "requests were not served one after the other in the order in which they came; record "
        "with workers= as many as the service really serves at once"
    )
