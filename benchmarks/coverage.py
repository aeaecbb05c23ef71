"""How often the interval of a percentile holds the true one, on simulated queues.

    python benchmarks/coverage.py

Each row: 200 runs of one queue, with other arrivals and other service times in each; the share
whose interval (nominal 95 %) holds the percentile that queueing theory gives. An interval counts
where the run gives the percentile, with two ends: where its requests are worth too few independent
ones, it withholds it, or bounds it on one side. How many were like that stands beside. Where it is
most of them, the few others are no fair sample (they are the calm ones), and there is no target.
The textbook's interval, which takes requests as independent, stands in the same row.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import latprof as lp
from figures import Figure, report
from latprof.analysis.measured import load_measured
from latprof.analysis.quantiles import interval_ranks, quantiles
from latprof.testing import ConstantTime, ExponentialTime, ServiceTime, SimulatedService

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 200
WARMUP = 2_000  # the queue is empty at first
QS = (0.5, 0.95, 0.99)
SERVICE_S = 0.005


class Queue(NamedTuple):
    """What is run: a name, its service times, its workers, how busy they are, for how long."""

    name: str
    time: ServiceTime
    workers: int
    load: float
    requests: int

    @property
    def rate(self) -> float:
        """Arrivals a second."""
        return self.load * self.workers / SERVICE_S


QUEUES = [
    Queue(name, time, workers, load, requests)
    for name, time, workers in (
        ("M/M/1", ExponentialTime(SERVICE_S), 1),
        ("M/D/1", ConstantTime(SERVICE_S), 1),
        ("M/M/4", ExponentialTime(SERVICE_S), 4),
    )
    for load, requests in ((0.5, 20_000), (0.7, 20_000), (0.8, 20_000), (0.8, 100_000))
]


class Found(NamedTuple):
    """What one run says of one percentile: whether each interval holds the truth."""

    is_given: bool
    has_two_ends: bool
    holds: bool
    textbook_holds: bool


def found_in(queue: Queue, truths_ns: list[float], seed: int) -> list[Found]:
    service = SimulatedService(queue.time, seed=1_000_003 + seed)
    load = lp.Poisson(queue.rate, requests=WARMUP + queue.requests, workers=queue.workers)
    run = service.record(load, warmup=WARMUP, seed=seed)
    latency_ns = load_measured(run).latency_ns
    ordered = np.sort(latency_ns)
    found = []
    for quantile, truth_ns in zip(quantiles(latency_ns, QS), truths_ns, strict=True):
        low, high = (ordered[rank - 1] for rank in interval_ranks(ordered.size, quantile.q))
        two_ends = quantile.low_ns is not None and quantile.high_ns is not None
        holds = two_ends and quantile.low_ns <= truth_ns <= quantile.high_ns
        given = quantile.value_ns is not None
        found.append(Found(given, two_ends, holds, low <= truth_ns <= high))
    return found


def coverage(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    runs = RUNS // 10 if quick else RUNS
    with ProcessPoolExecutor(max_workers=2) as pool:
        for queue in QUEUES:
            service = SimulatedService(queue.time)
            truths_ns = [service.latency_ns(q, queue.rate, queue.workers) for q in QS]
            results = list(pool.map(partial(found_in, queue, truths_ns), range(runs)))
            for q, truth_ns, each in zip(QS, truths_ns, zip(*results, strict=True), strict=True):
                name = f"{queue.name} at {queue.load:g}, n={queue.requests:,}, p{100 * q:.0f}"
                yield _figure(name, truth_ns, each)


def _figure(name: str, truth_ns: float, found: tuple[Found, ...]) -> Figure:
    whole = [each for each in found if each.is_given and each.has_two_ends]
    held = 100 * sum(each.holds for each in whole) / len(whole) if whole else None
    textbook = 100 * sum(each.textbook_holds for each in found) / len(found)
    withheld = sum(not each.is_given for each in found)
    note = (
        f"textbook {textbook:.0f} %; true {truth_ns / 1e6:.4g} ms; {len(whole)} with two ends, "
        f"{len(found) - len(whole) - withheld} with one, {withheld} withheld"
    )
    target = 93 if 2 * len(whole) >= len(found) else None
    return Figure(name, held, "%", at_least=target, note=note)


if __name__ == "__main__":
    report(__doc__ or "", coverage)
