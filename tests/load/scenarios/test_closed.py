"""Closed loops, carried out against a clock that stands still."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import UsageError
from latprof.load.scenarios import Concurrent, IdleSweep, MultiStream
from latprof.testing import FakeClock, ScriptedTarget

SERVICES = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


def quiet(target, inputs, scenario, **options):
    return lp.profile(target, inputs, scenario, progress=False, signals=False, **options)


def test_a_duration_alone_leaves_the_count_of_a_closed_loop_open():
    plan = Concurrent(4, think=0.5, duration=2).plan(17, 0)
    assert (plan.count, plan.duration_ns, plan.workers, plan.think_ns) == (None, 2e9, 4, 5e8)


def test_drawn_thinking_has_the_mean_that_was_asked_for(carry_out):
    clock = FakeClock()
    users = Concurrent(1, think=0.1, think_times="exponential", requests=4_001)
    rows = carry_out(ScriptedTarget(clock, [7]), users, clock=clock, seed=5).rows
    starts = np.array([row["started_ns"] for row in rows])
    pauses = np.diff(starts) - 7
    assert pauses.mean() == pytest.approx(1e8, rel=4 / np.sqrt(4_000))  # exponential: CV 1
    assert pauses.std() == pytest.approx(1e8, rel=0.1)


# ---- queries


@given(services=SERVICES, samples=st.integers(1, 9), start=st.integers(0, 10**12))
def test_a_query_is_issued_when_all_of_the_one_before_is_through(
    carry_out, services, samples, start
):
    clock = FakeClock(start)
    scenario = MultiStream(samples, requests=len(services))
    rows = carry_out(ScriptedTarget(clock, services), scenario, clock=clock).rows
    assert len(rows) == -(-len(services) // samples) * samples
    issued_ns = start
    for at in range(0, len(rows), samples):
        query = rows[at : at + samples]
        assert {row["intended_ns"] for row in query} == {issued_ns}
        issued_ns = max(row["finished_ns"] for row in query)


def test_a_query_that_has_begun_is_sent_whole(carry_out):
    clock = FakeClock()
    scenario = MultiStream(3, duration=1e-6)
    rows = carry_out(ScriptedTarget(clock, [400]), scenario, clock=clock).rows
    assert [row["intended_ns"] for row in rows] == [0, 0, 0]


def test_samples_of_a_query_are_together_in_flight_where_workers_are():
    together = threading.Barrier(3, timeout=10)
    run = quiet(lambda _: together.wait(), range(6), MultiStream(3, workers=3))
    assert run.requests["status"].tolist() == ["ok"] * 6
    assert run.requests["batch_id"].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_coroutine_function_takes_all_samples_of_a_query_at_once():
    together = []

    async def target(_):
        together.append(len(asyncio.all_tasks()))
        await asyncio.sleep(0.001)

    run = quiet(target, range(8), MultiStream(4))
    assert run.requests["status"].tolist() == ["ok"] * 8
    queries = run.requests.groupby("batch_id")
    assert queries["intended_ns"].nunique().tolist() == [1, 1]
    assert queries["intended_ns"].first()[1] >= queries["finished_ns"].max()[0]
    assert queries["started_ns"].max()[0] < queries["finished_ns"].min()[0]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_sample_beyond_its_timeout_does_not_hold_the_next_query_up(carry_out, released, workers):
    def target(value):
        if value == 1:
            released.wait(10)

    scenario = MultiStream(2, requests=6, workers=workers)
    driven = carry_out(target, scenario, list(range(6)), timeout_s=0.05)
    assert driven.statuses == ["ok", "timeout", "ok", "ok", "ok", "ok"]
    assert len({row["intended_ns"] for row in driven.rows}) == 3


def test_a_failing_sample_is_through_as_well(carry_out):
    clock = FakeClock()
    target = ScriptedTarget(clock, [5, ValueError("no")])
    driven = carry_out(target, MultiStream(2, requests=4), clock=clock)
    assert driven.statuses == ["ok", "error", "ok", "error"]


# ---- idle gaps


def test_each_request_follows_the_gap_that_is_kept_beside_it(carry_out):
    clock = FakeClock()
    scenario = IdleSweep([0, 0.1, 1], requests=10)
    rows = carry_out(ScriptedTarget(clock, [5]), scenario, clock=clock, seed=3).rows
    kept = scenario.plan(1, 3).attributes["idle_s"]
    pauses = [b["started_ns"] - a["finished_ns"] for a, b in itertools.pairwise(rows)]
    assert kept[0] is None
    assert [round(gap * 1e9) for gap in kept[1:]] == pauses
    assert [sorted(kept[at : at + 3]) for at in (1, 4, 7)] == [[0, 0.1, 1]] * 3


@given(
    gaps=st.lists(st.floats(0.01, 5), min_size=1, max_size=6),
    seed=st.integers(0, 99),
    duration=st.floats(0.1, 60),
)
def test_gaps_suffice_for_any_duration(gaps, seed, duration):
    plan = IdleSweep(gaps, duration=duration).plan(1, seed)
    assert plan.pauses.sum() >= duration * 1e9 - 1_000
    assert plan.count is None


def test_too_few_requests_for_the_gaps_are_refused():
    with pytest.raises(UsageError, match="3 gaps, and the load only 3 requests: give requests=4"):
        IdleSweep([0, 1, 2]).plan(3, 0)


def test_gaps_become_a_column():
    run = quiet(lambda _: time.sleep(0), range(5), IdleSweep([0, 0.001]), seed=1)
    column = run.requests["attr.idle_s"]
    assert pd.isna(column.iloc[0])
    assert sorted(column.iloc[1:]) == [0, 0, 0.001, 0.001]
