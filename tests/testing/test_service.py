from __future__ import annotations

import unittest.mock

import numpy as np
import pytest

import latprof as lp
from latprof.errors import UsageError
from latprof.testing import ConstantTime, ExponentialTime, FakeClock, ScriptedTarget
from latprof.testing.service import SimulatedService

POISSON = lp.Poisson(rate=100, requests=3_000)


def columns(run):
    table = run.requests
    return [table[name].to_numpy() for name in ("intended_ns", "started_ns", "finished_ns")]


def test_the_real_driver_in_virtual_time_and_the_computed_events_are_the_same_run():
    ways = [SimulatedService(ExponentialTime(0.006), seed=3) for _ in range(2)]
    driven = columns(lp.profile(ways[0], [None], POISSON, seed=5, progress=False))
    computed = columns(ways[1].record(POISSON, seed=5))
    for mine, other in zip(driven, computed, strict=True):
        np.testing.assert_array_equal(mine - driven[0][0], other - computed[0][0])


def test_a_run_in_virtual_time_says_so_and_has_no_signals():
    service = SimulatedService(ConstantTime(0.004))
    run = lp.profile(service, [None], lp.Constant(100, requests=50), progress=False)
    assert run.manifest["driver"]["pacing"] == "virtual"
    assert not len(run.signals)
    assert set(run.requests.finished_ns - run.requests.intended_ns) == {4_000_000}


def test_one_seed_for_both_leaves_services_independent_of_arrivals():
    run = SimulatedService(ExponentialTime(0.006), seed=5).record(POISSON, seed=5)
    intended, started, finished = columns(run)
    together = np.corrcoef(np.diff(intended), (finished - started)[1:])[0, 1]
    assert abs(together) < 0.1


def test_workers_serve_side_by_side(tmp_path):
    service = SimulatedService(ExponentialTime(0.01), seed=1)
    load = lp.Poisson(rate=250, requests=60_000, workers=4)
    run = service.record(load, seed=2, out=tmp_path / "a")
    requests = lp.open_run(tmp_path / "a").requests
    assert set(requests.worker) == {0, 1, 2, 3}
    assert run.manifest["driver"]["workers"] == 4
    assert run.validity.verdict == "VALID"
    # Worth some 10,000 independent requests: a deviation is 1.5 %.
    expected_ns = service.latency_ns(0.5, rate=250, workers=4)
    assert run.latency(0.5).value_ns == pytest.approx(expected_ns, rel=0.05)


def test_a_second_load_comes_later_and_meets_other_times():
    service = SimulatedService(ExponentialTime(0.006))
    first, second = (columns(service.record(POISSON)) for _ in range(2))
    assert second[0][0] >= first[2].max()
    assert not np.array_equal(first[2] - first[1], second[2] - second[1])


def test_what_virtual_time_cannot_do_is_refused():
    service = SimulatedService(ConstantTime(0.004))
    for refused in ({"timeout": 1.0}, {"scenario": lp.Concurrent(2)}):
        with pytest.raises(UsageError, match="takes one worker and no timeout"):
            lp.profile(service, [None], progress=False, **refused)
    with pytest.raises(UsageError, match="is a closed loop"):
        service.record(lp.SingleStream(requests=3))


def test_a_scripted_target_brings_its_clock():
    target = ScriptedTarget(FakeClock(), [7_000, 9_000])
    run = lp.profile(target, range(4), progress=False)
    services_ns = run.requests.finished_ns - run.requests.started_ns
    assert services_ns.tolist() == [7_000, 9_000] * 2


def test_an_attribute_that_is_no_clock_is_the_target_s_own_affair():
    target = unittest.mock.MagicMock(return_value=1)
    run = lp.profile(target, [1, 2], lp.Constant(1_000, requests=2), progress=False)
    assert run.manifest["driver"]["pacing"] == "in-process"
