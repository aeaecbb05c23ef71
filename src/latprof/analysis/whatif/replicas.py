"""How many replicas a far larger load takes: one of them is replayed, at its share of the rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.effective import effective_size
from latprof.analysis.share import share_interval
from latprof.analysis.whatif.arm import Queued
from latprof.analysis.whatif.arrivals import Arrivals
from latprof.analysis.whatif.band import prolonged, resamples
from latprof.analysis.whatif.change import Change
from latprof.analysis.whatif.engine import Servers
from latprof.analysis.whatif.experiment import servers_of
from latprof.analysis.whatif.plan import CapacityPlan
from latprof.analysis.whatif.recorded import Loop, Recorded
from latprof.analysis.whatif.refusal import (
    FARTHEST,
    FULLEST,
    Refusal,
    drift_of,
    quantile_of,
    refuse_by_gate,
    refuse_by_record,
    refuse_by_sharing,
)
from latprof.errors import UsageError
from latprof.load.capacity.slo import QUEUE, Term, parse
from latprof.load.limits import rate as checked_rate
from latprof.load.limits import whole
from latprof.units import rate_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latprof.run.model import Run

__all__ = ["plan_capacity"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_EMPTIEST = 0.01  # of a replica's time: a load so low has no queue to speak of
_HALVINGS = 11  # the rate to a thousandth
_RESAMPLES = 24
_REQUESTS = 20_000  # replayed for each resample; twice as many for the answer
_BAND = (2.5, 50.0, 97.5)
_BEYOND = 10  # requests beyond a quantile before a replay can tell of it: 1,000 for a p99


def plan_capacity(run: Run, *, slo: str, rate: float, workers: int | None = None) -> CapacityPlan:
    """Return how many replicas of a service keep an SLO at a rate, however far beyond this machine.

    A load that is split at random over replicas is Poisson at each, so one replica is replayed at
    `rate / replicas` with the recorded services, and its highest rate is looked for at which every
    term holds. The interval is that of resampling the run, and of how far its service times swung.

    Args:
        run: One replica, recorded under Poisson arrivals at a third or more of what it will get;
            or one by one, which tells nothing of what load does to service times.
        slo: What must hold: "p99 < 200ms", "p95(tokenize) < 20ms", "errors < 0.1%", several with
            commas between them.
        rate: Requests a second over all replicas.
        workers: Requests that a replica serves at once; as recorded by default.

    Returns:
        The replicas with an interval, or why they cannot be known.

    Raises:
        UsageError: An argument is wrong; the message says what is accepted.

    Source:
        Splitting a Poisson process at random leaves Poisson processes: Kingman, Poisson Processes,
        section 5.1.

    Example:
        >>> import latprof as lp
        >>> from latprof.testing import ExponentialTime, SimulatedService
        >>> service = SimulatedService(ExponentialTime(mean_s=0.005))
        >>> run = service.record(lp.Poisson(100, requests=5_000))
        >>> plan = lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000)
        >>> plan.low <= 41 <= plan.high  # M/M/1: p99 = 60 ms at 123/s
        True
    """
    terms = parse(slo)
    total = checked_rate("rate=", rate)
    recorded = Recorded(run)
    asked = recorded.workers if workers is None else whole("workers=", workers)
    try:
        return _planned(recorded, terms, total, asked)
    except Refusal as refusal:
        return CapacityPlan(
            target=recorded.manifest["target"],
            terms=terms,
            rate=total,
            workers=asked,
            requests=recorded.count,
            refused=str(refusal),
        )


@dataclass(frozen=True, slots=True)
class _Replica:
    """One replica with its recorded services, ready to be asked at any rate."""

    services: Floats
    counted: npt.NDArray[np.bool_]
    servers: Servers
    terms: tuple[Term, ...]
    recorded: Recorded

    @property
    def fullest(self) -> float:
        """Arrivals a second that keep it as busy as can be told of."""
        mean = float(self.services.mean()) * self.servers.factors[-1]
        return FULLEST * (self.servers.workers or 1) * 1e9 / mean

    def latencies(self, rate: float, picked: Indices) -> Floats:
        arrivals = Arrivals(self.recorded.gaps, 1e9 / rate)
        everyone = np.ones(self.services.size, bool)
        arm = Queued(
            arrivals, self.services, self.counted, everyone, self.servers, self.recorded.pauses
        )
        return arm.latencies(picked, anew=True)

    def holds(self, rate: float, picked: Indices) -> bool:
        latencies = self.latencies(rate, picked)
        own = self.recorded.services[picked][self.counted[picked]]
        return all(_beyond(latencies, own, term) <= term.allowed for term in self.terms)

    def highest(self, picked: Indices, low: float, high: float) -> float:
        """Return the highest rate that holds, between one that does and one that may not."""
        if self.holds(high, picked):
            return high
        for _ in range(_HALVINGS):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self.holds(middle, picked) else (low, middle)
        return low


def _beyond(latencies: Floats, services: Floats, term: Term) -> float:
    values = latencies - services if term.stage == QUEUE else latencies
    return float((values >= term.limit).mean())


def _planned(
    recorded: Recorded, terms: Sequence[Term], rate: float, workers: int | None
) -> CapacityPlan:
    refuse_by_record(recorded)
    timed = tuple(
        each for each in terms if each.limit_ns is not None and each.stage in (None, QUEUE)
    )
    _refuse_by_terms(recorded, terms)
    if not timed:
        raise UsageError("give a limit of latency too: p99 < 200ms, and the others beside it")
    if workers is None:
        raise Refusal(
            "the service takes any number of requests at once, and what they do to each other is "
            "inside their own times: give workers= and record with as many"
        )
    servers = servers_of(recorded)
    off = _gate(recorded, servers)
    refuse_by_sharing(recorded, Change.of(workers=workers), None, servers.factors)
    replica = _Replica(
        recorded.services / servers.factors_of(recorded.found),
        recorded.measured,
        Servers(workers, servers.factors),
        timed,
        recorded,
    )
    return _found(replica, terms, rate, off)


def _gate(recorded: Recorded, servers: Servers) -> float:
    """Return how far a replay of the run itself is off; a closed loop has none to hold it to."""
    if recorded.loop is not Loop.OPEN:
        return 0.0
    services = recorded.services / servers.factors_of(recorded.found)
    everyone = np.ones(services.size, bool)
    arrivals = Arrivals(recorded.gaps, None)
    arm = Queued(arrivals, services, recorded.measured, everyone, servers, recorded.pauses)
    return max(refuse_by_gate(recorded, arm).values())


def _found(replica: _Replica, terms: Sequence[Term], rate: float, off: float) -> CapacityPlan:
    recorded = replica.recorded
    n = replica.services.size
    picked = prolonged(n, 2 * _REQUESTS)
    floor, ceiling = _EMPTIEST * replica.fullest, replica.fullest
    if not replica.holds(floor, picked):
        raise Refusal(_hopeless(recorded, replica.terms))
    each = replica.highest(picked, floor, ceiling)
    known = recorded.rate
    if each > FARTHEST * known:
        raise Refusal(
            f"a replica would take {rate_text(each)}, {each / known:.1f} times the recorded rate, "
            f"and a service is another at another load: record at {rate_text(each / FARTHEST)} or "
            "more"
        )
    low, high = _interval(replica, each, floor, ceiling, off)
    busy = each / ceiling * FULLEST
    at_load = replica.latencies(rate / math.ceil(rate / low), picked)
    return CapacityPlan(
        target=recorded.manifest["target"],
        terms=tuple(terms),
        rate=rate,
        workers=replica.servers.workers,
        requests=recorded.count,
        replicas=math.ceil(rate / each),
        low=math.ceil(rate / high),
        high=math.ceil(rate / low),
        rate_each=each,
        rate_each_low=low,
        rate_each_high=high,
        busy=busy,
        expected={
            term.name: quantile_of(at_load, term.q) for term in replica.terms if not term.stage
        },
        assumptions=tuple(_grounds(recorded, replica.servers)),
    )


def _interval(
    replica: _Replica, each: float, floor: float, ceiling: float, off: float
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of what a replica can take."""
    several, scale = resamples(replica.services.size)
    found = []
    for _, drawn in zip(range(_RESAMPLES), several, strict=False):
        longer = drawn[prolonged(drawn.size, _REQUESTS)]
        known = replica.holds(each / 2, longer)
        found.append(replica.highest(longer, each / 2 if known else floor, min(ceiling, 2 * each)))
    low, middle, high = np.percentile(found, _BAND)
    swing = off + 2 * drift_of(replica.recorded)
    down, up = (1 + scale * (end / middle - 1) for end in (low, high))
    return each * min(1.0, down) * max(0.1, 1 - swing), min(
        ceiling, each * max(1.0, up) * (1 + swing)
    )


def _refuse_by_terms(recorded: Recorded, terms: Sequence[Term]) -> None:
    """Refuse terms that no number of replicas changes, or that the run is too short for."""
    for term in terms:
        if term.limit_ns is None:
            _refuse_by_errors(recorded, term)
            continue
        if recorded.count * term.allowed < _BEYOND:
            least = math.ceil(_BEYOND / term.allowed)
            raise Refusal(
                f"{term.name} takes {least:,} measured requests, here are {recorded.count:,}"
            )
        if term.stage not in (None, QUEUE):
            _refuse_by_stage(recorded, term)


def _refuse_by_errors(recorded: Recorded, term: Term) -> None:
    failed = ~recorded.requests.ok[recorded.requests.steady]
    share = float(failed.mean())
    size = effective_size(failed, 1 - share) if 0 < share < 1 else float(failed.size)
    if share_interval(share, size, 0.95)[1] >= term.allowed:
        raise Refusal(
            f"{100 * share:.3g} % of {failed.size:,} requests failed, which does not show {term}, "
            "and replicas do not change it: record more requests, or find out why they fail"
        )


def _refuse_by_stage(recorded: Recorded, term: Term) -> None:
    stage = str(term.stage)
    if stage not in recorded.columns:
        raise UsageError(
            f"the run has no stage {stage!r}: choose among {', '.join(recorded.parts)}"
        )
    value = quantile_of(recorded.columns[stage][recorded.measured], term.q)
    if value >= term.limit:
        raise Refusal(
            f"{term.name} was {term.text(value)}, and replicas do not make a stage faster"
        )


def _hopeless(recorded: Recorded, terms: Sequence[Term]) -> str:
    own = recorded.services[recorded.measured]
    broken = [each for each in terms if each.stage is None]
    told = ", ".join(f"{each.name} {each.text(quantile_of(own, each.q))}" for each in broken)
    return f"no number of replicas keeps it: served without any wait, a request takes {told}"


def _grounds(recorded: Recorded, servers: Servers) -> list[str]:
    notes = [
        "requests come at random (Poisson), and are dealt to replicas at random, not in turn",
        "replicas are machines like this one, and share nothing that slows them",
        "none of them is down: add what may fail at once",
    ]
    if recorded.loop is not Loop.OPEN:
        notes.append("a request takes as long under load as it did one by one: not checked")
    elif len(servers.factors) > 1:
        told = ", ".join(f"{each:.2f}" for each in servers.factors)
        notes.append(f"a request takes by how many it finds in service, from none on: {told}")
    return notes
