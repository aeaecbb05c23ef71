"""What a replay refuses to say, and why."""

from __future__ import annotations

import time

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.whatif.whatif import what_if
from latprof.testing import ExponentialTime, LognormalTime, SimulatedService


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


def test_tasks_without_a_limit(table_run):
    rows = [
        {"started_ns": 2_000_000 * i, "finished_ns": 2_000_000 * i + 5_000_000} for i in range(100)
    ]
    made = {"target": "Service", "environment": {}, "arrivals": {"planned": 100}}
    run = table_run(rows, [], **made, driver={"workers": None})
    assert "without a limit" in what_if(run, rate=100.0).refused
    assert what_if(run, speedup={"untracked": 2.0}).p50.value_ns == pytest.approx(2.5e6)


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
    assert "replaying the recorded arrivals" in what_if(run, rate=60.0).refused


@pytest.fixture
def woken(table_run):
    """Make a run of one worker, 5 ms of service 50 times a second, that is late to begin."""

    def make(late_ms):
        rows, free = [], 0
        for intended, late in zip(20_000_000 * np.arange(late_ms.size), late_ms, strict=True):
            started = max(int(intended) + int(late * 1e6), free)
            free = started + 5_000_000
            rows.append({"intended_ns": int(intended), "started_ns": started, "finished_ns": free})
        made = {"target": "Service", "environment": {}, "arrivals": {"planned": len(rows)}}
        return table_run(rows, [], **made, driver={"workers": 1})

    return make


def test_a_tail_that_late_wake_ups_make_is_withheld(woken):
    late_ms = np.full(1_000, 2.0)
    late_ms[::50] = 9.0
    found = what_if(woken(late_ms), rate=60.0)
    # 5 ms of service after 2 ms as usual or 9 ms when late: of 14 ms, 7 are not as usual.
    assert found.missing == {
        "p99": "50.0 % of the recorded p99 is that free workers woke up late: quieten what else "
        "had the cores or the interpreter, and record again"
    }
    assert found.p50.value_ns == pytest.approx(7e6)
    assert "50.0 % of the recorded p99" in str(found)


def test_to_wake_up_as_slowly_as_usual_is_told(woken):
    found = what_if(woken(np.full(1_000, 4.0)), rate=60.0)
    assert found.missing == {}
    assert found.p99.value_ns == pytest.approx(9e6)


def test_a_run_that_is_mostly_late_wake_ups_and_what_queues_behind_them(woken):
    late_ms = np.zeros(1_000)
    late_ms[::10] = 120.0  # the next seven wait
    refused = what_if(woken(late_ms), rate=60.0).refused
    assert "of the recorded p50 is that free workers woke up late" in refused


def test_a_quantile_that_a_few_requests_decide_is_withheld():
    service = SimulatedService(LognormalTime(0.01, cv=4.0))
    run = service.record(lp.Poisson(30, requests=1_000), warmup=0)
    found = run.what_if(rate=45.0)
    assert found.p95 is None
    assert found.missing["p95"].startswith("the p95 could be anywhere from ")
    assert "record longer" in found.missing["p95"]


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
