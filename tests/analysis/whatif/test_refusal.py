"""What a replay refuses to say, and why."""

from __future__ import annotations

import time

import numpy as np
import pytest

import latprof as lp
from latprof.testing import ExponentialTime, SimulatedService


@pytest.fixture(scope="module")
def run():
    service = SimulatedService(ExponentialTime(0.01))
    return service.record(lp.Poisson(40, requests=2_000), warmup=0)


def test_a_full_queue(run):
    found = run.what_if(rate=99)
    assert "beyond 95.0 %" in found.refused
    assert found.p50 is None
    assert str(found).count("cannot know") == 1
    assert found.to_dict()["refused"] == found.refused
    assert found.table().empty


def test_a_load_too_far_from_the_recorded_one(run):
    assert "3.5 times the highest recorded rate" in run.what_if(rate=140, workers=4).refused
    higher = SimulatedService(ExponentialTime(0.01)).record(lp.Poisson(90, requests=2_000))
    assert run.what_if(rate=140, workers=2, other=higher).refused is None


def test_a_closed_loop_has_no_rate():
    run = lp.profile(
        SimulatedService(ExponentialTime(0.01)),
        [None],
        lp.SingleStream(requests=100),
        progress=False,
    )
    for change in ({"rate": 10.0}, {"workers": 2}, {"batch": {"max_batch": 4}}):
        assert "closed loop" in run.what_if(**change).refused
    assert run.what_if(speedup={"untracked": 2.0}).refused is None


def test_too_few_requests():
    run = lp.profile(len, ["a"] * 12, warmup=0, progress=False)
    assert run.what_if(speedup={"untracked": 2.0}).refused.startswith("12 measured requests")


def test_tasks_without_a_limit():
    async def serve(_value):
        return None

    run = lp.profile(
        serve, [None], lp.Constant(2_000, requests=100), progress=False, warmup=0, signals=False
    )
    assert "without a limit" in run.what_if(rate=100.0).refused
    assert run.what_if(speedup={"untracked": 2.0}).refused is None


def test_a_queue_that_is_not_the_workers(table_run):
    """Requests that start late although their only worker is free: something else holds them."""
    rng = np.random.default_rng(0)
    intended = np.cumsum(rng.exponential(20e6, 1_000)).astype(np.int64)
    started = intended + rng.exponential(10e6, 1_000).astype(np.int64)
    rows = [
        {"intended_ns": int(a), "started_ns": int(s), "finished_ns": int(s + 5e6), "worker": i}
        for i, (a, s) in enumerate(zip(intended, started, strict=True))
    ]
    made = {"target": "Service", "environment": {}, "arrivals": {"planned": 1_000}}
    run = table_run(rows, [], **made, driver={"workers": 1})
    from latprof.analysis.whatif.whatif import what_if

    assert "replaying the recorded arrivals" in what_if(run, rate=60.0).refused


def test_service_times_that_drift():
    class Drifting:
        def __init__(self):
            self._inner = SimulatedService(ExponentialTime(0.01))
            self.clock = self._inner.clock
            self._calls = 0

        def predict(self, _value):
            self._calls += 1
            self.clock.advance(round(10e6 * (1 + self._calls / 2_000)))

    load = lp.Poisson(20, requests=2_000)
    run = lp.profile(Drifting(), [None], load, progress=False, warmup=0)
    assert "drifted" in run.what_if(rate=45.0).refused
    assert run.what_if(rate=10.0).refused is None


def test_more_workers_for_work_that_was_never_done_side_by_side():
    def spin(_value):
        end = time.perf_counter() + 0.001
        with lp.stage("work"):
            while time.perf_counter() < end:
                pass

    load = lp.Poisson(600, requests=300)
    run = lp.profile(spin, [None], load, progress=False, warmup=0, signals=False)
    refused = run.what_if(workers=2).refused
    assert "cores of CPU time a second" in refused
    assert "workers=2" in refused


def test_a_batch_whose_cost_was_never_seen(run):
    assert "record a run under latprof.Batcher" in run.what_if(batch={"max_batch": 4}).refused
