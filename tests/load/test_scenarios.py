from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.load.scenarios import Concurrent, Constant, Poisson, SingleStream

EACH = [SingleStream(), Concurrent(2), Constant(5), Poisson(5)]


@pytest.mark.parametrize("scenario", EACH)
def test_by_default_the_load_is_one_pass_over_the_inputs(scenario):
    assert scenario.plan(17, 0).count == 17


@pytest.mark.parametrize("scenario", EACH)
def test_requests_set_the_count(scenario):
    assert dataclasses.replace(scenario, requests=3).plan(17, 0).count == 3


def test_a_duration_alone_leaves_the_count_of_a_closed_loop_open():
    plan = Concurrent(4, think=0.5, duration=2).plan(17, 0)
    assert (plan.count, plan.duration_ns, plan.workers, plan.think_ns) == (None, 2e9, 4, 5e8)


def test_an_open_loop_is_planned_whole():
    plan = Constant(10, duration=1, workers=3).plan(17, 0)
    assert plan.offsets.tolist() == [i * 10**8 for i in range(10)]
    assert (plan.count, plan.workers) == (10, 3)


def test_workers_of_an_open_loop_are_left_to_the_target_by_default():
    assert Poisson(5).plan(17, 0).workers is None


def test_the_seed_decides_what_is_drawn():
    first, same, other = (Poisson(5).plan(17, seed).offsets for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_an_open_loop_without_a_request_is_refused():
    with pytest.raises(UsageError, match="plans no request"):
        Poisson(1e-3, duration=1e-3).plan(1, 0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Poisson(0), r"Poisson\(rate=\) takes requests a second"),
        (lambda: Constant(float("nan")), r"Constant\(rate=\)"),
        (lambda: Poisson(50, workers=0), r"Poisson\(workers=\)"),
        (lambda: Concurrent(0), r"Concurrent\(n=\)"),
        (lambda: Concurrent(1, think=-1), r"Concurrent\(think=\)"),
        (lambda: SingleStream(requests=0), r"SingleStream\(requests=\)"),
        (lambda: SingleStream(duration=float("inf")), r"SingleStream\(duration=\)"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_given(make, match):
    with pytest.raises(UsageError, match=match):
        make()


def test_scenarios_are_values():
    assert Poisson(50) == Poisson(rate=50.0)
    assert len({Poisson(50), Poisson(50.0), Poisson(51)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Poisson(50).rate = 60


def test_a_description_holds_every_parameter_as_json():
    described = Constant(np.float64(50), workers=np.int64(2), duration=np.float32(0.5)).describe()
    assert json.loads(json.dumps(described)) == {
        "name": "Constant",
        "rate": 50.0,
        "workers": 2,
        "requests": None,
        "duration": 0.5,
    }


@pytest.mark.parametrize("scenario", [*EACH, Concurrent(3, think=0.1, requests=4)])
def test_the_repr_makes_the_same_scenario(scenario):
    assert eval(repr(scenario)) == scenario  # noqa: S307 - our own text
