"""Batches: the engine by hand and against the plain queue, and what a run under a batcher tells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.replay import starts
from latprof.analysis.whatif.batching import BatchCost, Policy, batched, cost_of
from latprof.analysis.whatif.whatif import what_if
from latprof.run.model import Validity, Verdict

ONE = np.ones(1)


@given(gaps=st.lists(st.floats(0, 50), min_size=1, max_size=40), seed=st.integers(0, 100))
def test_batches_of_one_without_delay_are_a_plain_queue(gaps, seed):
    arrivals = np.cumsum(gaps)
    services = np.random.default_rng(seed).exponential(20, arrivals.size)
    cost = BatchCost(1.0, 0.0, services, 1)
    for servers in (1, 2):
        found = batched(arrivals, services, cost, Policy(1, 0.0), servers)
        assert found == pytest.approx(starts(arrivals, services, servers) + services)


def test_a_batch_begins_when_it_is_full_or_its_first_has_waited():
    cost = BatchCost(10.0, 0.0, ONE, 4)
    arrivals = np.array([0.0, 1.0, 2.0, 20.0, 21.0])
    assert batched(arrivals, ONE, cost, Policy(3, 5.0)).tolist() == [12, 12, 12, 35, 35]
    assert batched(arrivals, ONE, cost, Policy(8, 5.0)).tolist() == [15, 15, 15, 35, 35]


def test_who_comes_while_the_server_is_busy_goes_with_the_next_batch():
    cost = BatchCost(10.0, 0.0, ONE, 4)
    arrivals = np.array([0.0, 1.0, 2.0, 3.0])
    assert batched(arrivals, ONE, cost, Policy(4, 0.0)).tolist() == [10, 20, 20, 20]


@given(seed=st.integers(0, 200), largest=st.integers(1, 8), delay=st.floats(0, 30))
def test_nobody_is_served_before_coming_or_faster_than_a_batch(seed, largest, delay):
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(5, 60))
    cost = BatchCost(6.0, 1.0, ONE, largest)
    through = batched(arrivals, ONE, cost, Policy(largest, delay))
    assert (through - arrivals >= cost.of(1) - 1e-9).all()
    assert (np.diff(through) >= -1e-9).all()
    assert np.unique(through, return_counts=True)[1].max() <= largest


def test_a_cost_needs_batches_of_several_sizes():
    assert cost_of(np.full(100, 4), np.full(100, 5e6)) is None
    assert cost_of(np.array([1, 2]), np.array([3e6, 4e6])) is None
    shrinking = cost_of(np.tile([1, 4], 50), np.tile([6e6, 3e6], 50))
    assert shrinking.each_ns == 0.0
    through_origin = cost_of(np.tile([1, 4], 50), np.tile([1e6, 9e6], 50))
    assert through_origin.fixed_ns == 0.0


@pytest.fixture
def under_a_batcher(table_run):
    """Requests by Poisson arrivals, served in batches of a known cost."""

    def make(policy, cost, n=4_000, gap_ns=4e6, seed=0):
        arrivals = np.cumsum(np.random.default_rng(seed).exponential(gap_ns, n)).round()
        through = batched(arrivals, ONE, cost, policy).round()
        begins, number, sizes = np.unique(through, return_inverse=True, return_counts=True)
        took = np.array([cost.of(size) for size in range(policy.max_batch + 1)])[sizes]
        begin = (begins - took).round()[number]
        rows = [
            {
                "intended_ns": int(arrived),
                "started_ns": int(arrived),
                "finished_ns": int(done),
                "worker": request % 64,
                "batch_id": int(batch),
            }
            for request, (arrived, done, batch) in enumerate(
                zip(arrivals, through, number, strict=True)
            )
        ]
        spans = [
            {
                "request_id": request,
                "stage": "queue",
                "start_ns": int(arrived),
                "end_ns": int(start),
            }
            for request, (arrived, start) in enumerate(zip(arrivals, begin, strict=True))
        ]
        made = table_run(
            rows,
            spans,
            target="Batched",
            environment={},
            driver={"workers": 64},
            arrivals={"planned": n},
        )
        made.validity = Validity(Verdict.VALID)
        return made, arrivals

    return make


def test_another_policy_is_what_it_then_does(under_a_batcher):
    cost = BatchCost(4e6, 1e6, ONE, 8)
    run, arrivals = under_a_batcher(Policy(8, 2e6), cost)
    found = what_if(run, batch={"max_batch": 4, "max_delay_ms": 10.0})
    truth = batched(arrivals, ONE, cost, Policy(4, 10e6)) - arrivals
    assert found.refused is None
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        assert getattr(found, name).value_ns == pytest.approx(np.quantile(truth, q), rel=0.02)
    assert "a batch of n takes 4 + 1 n ms" in " ".join(found.assumptions)


def test_the_recorded_policy_is_read_off_the_waits(under_a_batcher):
    cost = BatchCost(4e6, 1e6, ONE, 8)
    run, arrivals = under_a_batcher(Policy(8, 2e6), cost)
    found = what_if(run, rate=125.0)
    truth = batched(2 * arrivals, ONE, cost, Policy(8, 2e6)) - 2 * arrivals
    assert found.p50.value_ns == pytest.approx(np.quantile(truth, 0.5), rel=0.02)


def test_what_is_asked_of_batches_in_vain(under_a_batcher):
    run, _ = under_a_batcher(Policy(8, 2e6), BatchCost(4e6, 1e6, ONE, 8))
    assert "one batch at a time" in what_if(run, workers=2).refused
    assert "record larger ones" in what_if(run, batch={"max_batch": 64}).refused
    alike, _ = under_a_batcher(Policy(1, 0.0), BatchCost(1e6, 0.0, ONE, 1))
    assert "all of one size" in what_if(alike, batch={"max_batch": 1, "max_delay_ms": 0}).refused
