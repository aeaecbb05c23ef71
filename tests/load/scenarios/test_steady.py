"""Open loops of one rate, and the backlog."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.load.scenarios import Constant, Gamma, Offline, Poisson
from latprof.testing import FakeClock, ScriptedTarget


def test_an_open_loop_is_planned_whole():
    plan = Constant(10, duration=1, workers=3).plan(17, 0)
    assert plan.offsets.tolist() == [i * 10**8 for i in range(10)]
    assert (plan.count, plan.workers) == (10, 3)


def test_workers_of_an_open_loop_are_left_to_the_target_by_default():
    assert Poisson(5).plan(17, 0).workers is None


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0])
def test_gaps_have_the_rate_and_the_spread_that_were_asked_for(cv):
    told = Gamma(100, cv, requests=40_001).plan(1, 11).describe()
    # Standard errors of a mean, and of the deviation of gamma gaps (kurtosis 3 + 6 cv^2).
    assert told["rate"] == pytest.approx(100, rel=4 * cv / math.sqrt(40_000))
    assert told["cv"] == pytest.approx(cv, rel=4 * math.sqrt((2 + 6 * cv * cv) / 4 / 40_000))


# ---- offline


def test_all_requests_are_intended_for_the_start(carry_out):
    clock = FakeClock(9)
    driven = carry_out(ScriptedTarget(clock, [5]), Offline(), range(3), clock=clock)
    assert [row["intended_ns"] for row in driven.rows] == [9] * 3
    assert [row["finished_ns"] for row in driven.rows] == [14, 19, 24]


def test_a_duration_breaks_the_backlog_off(carry_out):
    clock = FakeClock()
    scenario = Offline(duration=1e-6)
    driven = carry_out(ScriptedTarget(clock, [400]), scenario, range(50), clock=clock)
    assert [row["started_ns"] for row in driven.rows] == [0, 400, 800]


@given(inputs=st.integers(1, 30), batch=st.integers(1, 12), requests=st.integers(1, 20))
def test_lists_hold_one_pass_after_the_other(carry_out, inputs, batch, requests):
    target = ScriptedTarget(FakeClock(), [1])
    carry_out(target, Offline(batch=batch, requests=requests), list(range(inputs)))
    passes = [list(range(at, min(at + batch, inputs))) for at in range(0, inputs, batch)]
    assert target.inputs == [passes[i % len(passes)] for i in range(requests)]


def test_the_size_of_each_list_is_kept():
    run = lp.profile(sum, range(7), Offline(batch=3), progress=False, signals=False)
    assert run.requests["attr.samples"].tolist() == [3, 3, 1]
    assert run.requests["status"].tolist() == ["ok"] * 3


def test_an_endless_generator_gives_as_many_inputs_as_lists_take():
    assert Offline(batch=4, requests=3).most_inputs == 12
