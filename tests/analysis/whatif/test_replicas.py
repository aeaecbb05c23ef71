"""How many replicas: against theory, against a search, and what cannot be known."""

from __future__ import annotations

import json

import numpy as np
import pytest

import latprof as lp
from latprof.errors import UsageError
from latprof.testing import ExponentialTime, SimulatedService


@pytest.fixture(scope="module")
def run():
    service = SimulatedService(ExponentialTime(0.005))
    return service.record(lp.Poisson(100, requests=20_000), warmup=0)


@pytest.fixture(scope="module")
def plan(run):
    return lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000)


def test_one_replica_takes_what_theory_says(plan):
    truth = 200 - np.log(100) / 0.06  # M/M/1: p99 = ln 100 / (mu - lambda)
    assert plan.rate_each == pytest.approx(truth, rel=0.05)
    assert plan.rate_each_low < truth < plan.rate_each_high
    assert plan.low <= 5_000 / truth <= plan.high
    assert plan.low <= plan.replicas <= plan.high
    assert plan.expected["p99"] < 60e6


def test_the_interval_holds_the_truth():
    truth = 200 - np.log(100) / 0.06
    held = 0
    for seed in range(20):
        service = SimulatedService(ExponentialTime(0.005), seed)
        run = service.record(lp.Poisson(60, requests=2_000), seed=seed, warmup=0)
        plan = lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000)
        held += plan.rate_each_low <= truth <= plan.rate_each_high
    assert held >= 16  # were it right in 95 of 100, fewer in 26 of ten thousand such series


def test_the_search_on_the_same_service_agrees(plan):
    service = SimulatedService(ExponentialTime(0.005), seed=1)
    found = lp.find_capacity(service, [None], "p99 < 60ms", seconds=1e6, progress=False)
    assert plan.rate_each_low < found.first_failed
    assert plan.rate_each_high > found.rate


def test_more_workers_in_each_take_fewer_replicas():
    service = SimulatedService(ExponentialTime(0.005))
    run = service.record(lp.Poisson(250, requests=10_000, workers=2), warmup=0)
    plan = lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000)
    theory = SimulatedService(ExponentialTime(0.005))
    assert plan.rate_each > 2 * (200 - np.log(100) / 0.06)
    assert theory.latency_ns(0.99, plan.rate_each_low, workers=2) < 60e6


def test_a_run_one_by_one_will_do_with_a_caveat():
    service = SimulatedService(ExponentialTime(0.005))
    run = lp.profile(service, [None], lp.SingleStream(requests=3_000), warmup=0, progress=False)
    plan = lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000)
    assert plan.low <= 41 <= plan.high
    assert "not checked" in " ".join(plan.assumptions)


@pytest.mark.parametrize(
    ("slo", "reason"),
    [
        ("p99 < 10ms", "served without any wait"),
        ("p99.99 < 200ms", "takes 100,000 measured requests"),
        ("p99 < 60ms, errors < 0.001%", "does not show errors"),
        ("p99 < 60ms, p95(untracked) < 1ms", "replicas do not make a stage faster"),
    ],
)
def test_what_replicas_cannot_mend_is_refused(run, slo, reason):
    plan = lp.plan_capacity(run, slo=slo, rate=5_000)
    assert reason in plan.refused
    assert plan.replicas == 0
    assert reason in str(plan).replace("\n    ", " ")
    assert json.loads(json.dumps(plan.to_dict(), allow_nan=False))["replicas"] is None


def test_a_load_far_from_the_recorded_one_is_refused():
    run = SimulatedService(ExponentialTime(0.005)).record(lp.Poisson(20, requests=2_000), warmup=0)
    refused = lp.plan_capacity(run, slo="p99 < 60ms", rate=5_000).refused
    assert "times the recorded rate" in refused


def test_a_wrong_question_says_what_is_accepted(run):
    with pytest.raises(UsageError, match="give a limit of latency too"):
        lp.plan_capacity(run, slo="errors < 1%", rate=5_000)
    with pytest.raises(UsageError, match="no stage 'tokenise'"):
        lp.plan_capacity(run, slo="p99 < 60ms, p95(tokenise) < 1ms", rate=5_000)
    with pytest.raises(UsageError, match="rate="):
        lp.plan_capacity(run, slo="p99 < 60ms", rate=0)


def test_every_spelling_says_the_number(plan):
    for spelling in (str(plan), plan.markdown(), plan._repr_html_(), plan.headline):
        assert str(plan.replicas) in spelling
    assert plan.to_dict()["replicas"] == plan.replicas
    assert "CapacityPlan" in repr(plan)
