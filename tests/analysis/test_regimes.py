from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.regimes import COLUMNS, regimes
from latprof.testing import ConstantTime, ExponentialTime, FakeClock, ScriptedTarget
from latprof.testing.service import SimulatedService

MS = 1_000_000


class Freezing:
    """A service in virtual time: 40 ms at first, 5 ms as a rule, 9 ms after half a second idle."""

    def __init__(self):
        self.clock = FakeClock()
        self._last_ns = None

    def __call__(self, value):
        now_ns = self.clock.now_ns()
        idle = self._last_ns is not None and now_ns - self._last_ns >= 500 * MS
        self.clock.advance(40 * MS if self._last_ns is None else 9 * MS if idle else 5 * MS)
        self._last_ns = self.clock.now_ns()
        return value


def test_pauses_of_a_sweep_are_told_apart_by_their_length():
    sweep = lp.IdleSweep(gaps=[0, 0.1, 1.0], requests=91)
    table = lp.profile(Freezing(), [None], sweep, progress=False).regimes()
    assert table["count"].to_dict() == {
        "cold": 1,
        "after 1.00 s idle": 30,
        "after 100 ms idle": 30,
        "steady": 30,
    }
    assert table["service_p50"]["after 1.00 s idle"] == 9 * MS
    assert table["service_p50"]["after 100 ms idle"] == 5 * MS
    assert np.isnan(table["service_p50"]["cold"])  # of one request there is no median


def test_pauses_show_in_the_instants_of_any_run():
    load = lp.Concurrent(1, think=0.6, requests=60)
    table = lp.profile(Freezing(), [None], load, progress=False).regimes()
    assert table["count"].to_dict() == {"cold": 1, "after 100 ms to 1.00 s idle": 59}


def test_who_finds_all_workers_busy_met_a_saturated_service():
    service = SimulatedService(ExponentialTime(0.005), seed=4)
    run = service.record(lp.Poisson(150, requests=20_000), warmup=0, seed=4)
    table = run.regimes()
    # As often as the one worker is busy; gaps of 20 ms and more take some of the others.
    assert table["share"]["saturated"] == pytest.approx(0.75, abs=0.05)
    assert table["latency_p50"]["saturated"] > 2 * table["latency_p50"]["steady"]
    assert table["count"].sum() == 20_000


def test_a_late_generator_saturates_nothing():
    service = SimulatedService(ConstantTime(0.004))
    table = service.record(lp.Constant(100, requests=300), warmup=0).regimes()
    assert table["count"].to_dict() == {"steady": 300}


def test_a_shape_that_comes_first_is_a_regime_of_its_own():
    clock = FakeClock()
    target = ScriptedTarget(clock, [50 * MS, *[5 * MS] * 19])

    def serve(value):
        lp.annotate(first_seen_shape=len(target.inputs) % 20 == 0)
        return target(value)

    serve.clock = clock
    run = lp.profile(serve, [None], lp.SingleStream(requests=400), warmup=0, progress=False)
    table = run.regimes()
    assert table["count"].to_dict() == {"first-seen shape": 20, "steady": 380}
    assert table["service_p50"].to_dict() == {"first-seen shape": 50 * MS, "steady": 5 * MS}


def test_failed_requests_belong_to_none(table_run, served):
    requests = served([5 * MS] * 40)
    requests[3]["status"] = "error"
    table = regimes(table_run(requests))
    assert table["count"].to_dict() == {"steady": 39}
    assert list(table.columns) == list(COLUMNS)
    assert table["share"]["steady"] == 1


def test_a_run_without_requests_has_no_regimes(table_run):
    assert regimes(table_run()).empty


def test_an_attribute_of_the_user_that_only_has_the_name_changes_nothing():
    def serve(value):
        lp.annotate(idle_s="never", first_seen_shape="square")
        return value

    table = lp.profile(serve, range(40), warmup=0, progress=False).regimes()
    assert set(table.index) <= {"steady", "after 20.0 ms to 100 ms idle"}
