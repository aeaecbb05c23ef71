from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import latprof as lp
from latprof.load.execution import Terms
from latprof.load.isolation.job import Job

SCENARIOS = [
    lp.SingleStream(),
    lp.Concurrent(3, think=0.5, duration=2),
    lp.Poisson(50, requests=20, workers=4),
    lp.MultiStream(samples=4, requests=8),
    lp.IdleSweep(gaps=[0.0, 0.1]),
    lp.Offline(batch=2),
]


def _same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other) and one.dtype == other.dtype
    return one == other


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: type(scenario).__name__)
def test_a_plan_crosses_as_it_is(tmp_path, scenario):
    plan = scenario.plan(4, 7)
    terms = Terms({"seed": 7, "inputs": 4}, "wall", signals=False, timeout_s=1.5)
    Job("module:attr", [1, 2, 3, 4], plan, terms, "uniform", [1, 2, 3, 4]).write(tmp_path)
    found = Job.read(tmp_path)
    for field in dataclasses.fields(plan):
        if field.name == "attributes":
            listed = {name: list(values) for name, values in plan.attributes.items()}
            assert found.plan.attributes == listed
        elif field.name != "notes":
            assert _same(getattr(plan, field.name), getattr(found.plan, field.name)), field.name
    assert found.terms == terms
    assert (found.reference, found.inputs) == ("module:attr", [1, 2, 3, 4])
    assert (found.draw, found.weights) == ("uniform", [1, 2, 3, 4])


def test_attributes_of_a_trace_and_its_order_cross(tmp_path):
    plan = lp.Constant(10, requests=2).plan(2, 0)
    plan = dataclasses.replace(
        plan, order=np.array([1, 0]), attributes={"tenant": ["a", None], "n": np.array([1, 2])}
    )
    Job("m:a", None, plan, Terms({})).write(tmp_path)
    found = Job.read(tmp_path)
    assert found.inputs is None
    assert found.plan.order.tolist() == [1, 0]
    assert found.plan.attributes == {"tenant": ["a", None], "n": [1, 2]}
