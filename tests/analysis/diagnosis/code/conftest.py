"""Workers that go round and round, with and without a lock on their way."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from latprof.analysis.diagnosis.case import Case
from latprof.run.model import Validity, Verdict

MS = 1e6


def rounds(
    workers, count, hold_ms, *, locked, before_ms=lambda rng: rng.uniform(0.5, 1.0), is_inside=False
):
    """Return requests and spans of workers in a closed loop, and what each waited, in ms.

    Each request computes in `pack`, then asks for `hold_ms` in `ask`, one at a time if `locked`.

    Args:
        workers: How many.
        count: Of requests.
        hold_ms: Takes a generator, returns how long it asks.
        locked: Whether one asks at a time.
        before_ms: Takes a generator, returns how long it packs.
        is_inside: Whether the wait for the lock lies in the span of `ask`.
    """
    rng = np.random.default_rng(3)
    arrivals = [(before_ms(rng), worker, 0.0) for worker in range(workers)]
    heapq.heapify(arrivals)
    free, requests, spans, waited = 0.0, [], [], []
    for number in range(count):
        came, worker, began = heapq.heappop(arrivals)
        start = max(came, free) if locked else came
        free = end = start + hold_ms(rng)
        enter = came if is_inside else start + 0.02
        requests.append(_request(began, end + 0.01, worker))
        spans += [
            _span(number, "pack", worker, (began, came), came - began),
            _span(number, "ask", worker, (enter, end), 0.05),
        ]
        waited.append(start - came)
        heapq.heappush(arrivals, (end + 0.02 + before_ms(rng), worker, end + 0.02))
    return requests, spans, np.array(waited)


def _request(began, ended, worker):
    start, end = round(began * MS), round(ended * MS)
    return {"intended_ns": start, "started_ns": start, "finished_ns": end, "worker": worker}


def _span(number, stage, worker, place, cpu_ms):
    return {
        "request_id": number,
        "stage": stage,
        "start_ns": round(place[0] * MS),
        "end_ns": round(place[1] * MS),
        "cpu_ns": round(cpu_ms * MS),
        "runqueue_ns": 0,
        "thread_id": 100 + worker,
    }


@pytest.fixture
def going_round(table_run):
    """Return a case of such workers, and what each request waited, in ms."""

    def make(*arguments, cores=8, **more):
        requests, spans, waited = rounds(*arguments, **more)
        manifest = {
            "target": "Service",
            "environment": {"cpu": {"usable_cpus": cores}},
            "driver": {"workers": arguments[0]},
        }
        run = table_run(requests, spans, **manifest)
        run.validity = Validity(Verdict.VALID)
        case = Case(run)
        return case, waited[case.requests.request_id]

    return make


@pytest.fixture
def gathered(table_run):
    """Return a case of requests that come at random and wait in `score` until they are let go."""

    def make(*, delay_ms, idle=0.95, ran_ms=2.0, count=300, bursts=False):
        rng = np.random.default_rng(5)
        came = np.cumsum(rng.exponential(8.0, count))
        if bursts:
            came = np.repeat(came[::3] * 3, 3)[:count] + np.arange(count) % 3 * 0.01
        left = came + 20.0 if delay_ms is None else _let_go(came, delay_ms)
        spans = [
            _span(number, "score", number, (came[number], end), (1 - idle) * (end - came[number]))
            for number, end in enumerate(left)
        ]
        requests = [
            _request(*times, number) for number, times in enumerate(zip(came, left, strict=True))
        ]
        used_s = np.unique(left).size * ran_ms / 1000
        ends = [(0, "process_cpu_s", 0.0), (int(came[-1] * MS), "process_cpu_s", used_s)]
        manifest = {
            "target": "Service",
            "environment": {"cpu": {"usable_cpus": 8}},
            "driver": {"workers": 16},
        }
        run = table_run(requests, spans, ends, **manifest)
        run.validity = Validity(Verdict.VALID)
        return Case(run)

    return make


def _let_go(came, delay_ms):
    """Return when each leaves: all that came within some time of the first one leave together."""
    left, first = np.empty_like(came), 0
    while first < came.size:
        until = came[first] + delay_ms
        last = int(np.searchsorted(came, until))
        left[first:last] = until + 1.0
        first = last
    return left
