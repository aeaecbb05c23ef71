"""What all scenarios have in common."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import UsageError
from latprof.load.scenarios import (
    Concurrent,
    Constant,
    Gamma,
    IdleSweep,
    MultiStream,
    Offline,
    Poisson,
    Ramp,
    Replay,
    SingleStream,
    Spike,
    Step,
)

PACED = [Constant(5), Poisson(5), Gamma(5, 2), Ramp(1, 9), Step([1, 9]), Spike(1, 9)]
EACH = [SingleStream(), Concurrent(2), IdleSweep([0, 1]), Offline(), *PACED]
RATES = st.floats(1e-3, 1e6)


@pytest.mark.parametrize("scenario", EACH)
def test_by_default_the_load_is_one_pass_over_the_inputs(scenario):
    assert scenario.plan(17, 0).count == 17


@pytest.mark.parametrize("scenario", EACH)
def test_requests_set_the_count(scenario):
    assert dataclasses.replace(scenario, requests=3).plan(17, 0).count == 3
    assert dataclasses.replace(scenario, requests=3).most_inputs == 3


@pytest.mark.parametrize("scenario", PACED)
def test_a_duration_ends_an_open_loop_and_requests_may_do_so_before(scenario):
    whole = dataclasses.replace(scenario, duration=40).plan(17, 3).offsets
    assert 40e9 > whole[-1] > 20e9
    few = dataclasses.replace(scenario, duration=40, requests=3).plan(17, 3).offsets
    assert few.tolist() == whole[:3].tolist()


@pytest.mark.parametrize("scenario", PACED)
def test_instants_come_in_order_and_from_the_seed(scenario):
    drawn = dataclasses.replace(scenario, requests=200)
    first, same, other = (drawn.plan(1, seed).offsets for seed in (1, 1, 2))
    assert first.tolist() == same.tolist()
    assert first.dtype == np.int64
    assert first[0] >= 0
    assert (np.diff(first) >= 0).all()
    assert (first.tolist() == other.tolist()) == isinstance(scenario, Constant)


@pytest.mark.parametrize("rate", [1e-3, 1e6])
@pytest.mark.parametrize(
    "make",
    [
        Constant,
        Poisson,
        lambda rate: Gamma(rate, 1),
        lambda rate: Ramp(rate, 2 * rate),
        lambda rate: Step([rate, 2 * rate]),
        lambda rate: Spike(rate, 2 * rate),
    ],
)
def test_very_slow_and_very_fast_rates_are_planned(make, rate):
    offsets = dataclasses.replace(make(rate), requests=100).plan(1, 0).offsets
    assert len(offsets) == 100
    assert 20e9 / rate < offsets[-1] < 200e9 / rate


def test_an_open_loop_without_a_request_is_refused():
    with pytest.raises(UsageError, match="plans no request"):
        Poisson(1e-3, duration=1e-3).plan(1, 0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Poisson(0), r"Poisson\(rate=\) takes requests a second, from 1e-06 to 1e\+09"),
        (lambda: Constant(float("nan")), r"Constant\(rate=\)"),
        (lambda: Poisson(50, workers=0), r"Poisson\(workers=\)"),
        (lambda: Gamma(-1, 1), r"Gamma\(rate=\)"),
        (lambda: Gamma(1, 0), r"Gamma\(cv=\) takes .*from 0.001 to 100"),
        (lambda: Ramp(0, 10), r"Ramp\(start=\)"),
        (lambda: Ramp(1, -10), r"Ramp\(stop=\)"),
        (lambda: Ramp(1, 10, arrivals="even"), r"Ramp\(arrivals=\) takes 'poisson' or 'constant'"),
        (lambda: Step([]), r"Step\(rates=\) is empty"),
        (lambda: Step([1, 0]), r"Step\(rates=\) takes requests a second"),
        (lambda: Step([1, (2, 3)]), r"Step\(rates=\) takes rates, or pairs"),
        (lambda: Step([(2, 0)]), r"Step\(rates=\) takes seconds"),
        (lambda: Step("12"), r"Step\(rates=\) takes rates"),
        (lambda: Spike(1, float("inf")), r"Spike\(peak=\)"),
        (lambda: Spike(1, 2, width=0), r"Spike\(width=\)"),
        (lambda: Concurrent(0), r"Concurrent\(n=\)"),
        (lambda: Concurrent(1, think=-1), r"Concurrent\(think=\)"),
        (lambda: Concurrent(1, think_times="normal"), r"Concurrent\(think_times=\)"),
        (lambda: MultiStream(0), r"MultiStream\(samples=\)"),
        (lambda: Offline(batch=0), r"Offline\(batch=\)"),
        (lambda: IdleSweep([]), r"IdleSweep\(gaps=\) is empty"),
        (lambda: IdleSweep([-1]), r"IdleSweep\(gaps=\) takes seconds"),
        (lambda: IdleSweep(1), r"IdleSweep\(gaps=\) takes seconds"),
        (lambda: IdleSweep([0], duration=1), "never idles"),
        (lambda: Replay([0], speed=0), r"Replay\(speed=\)"),
        (lambda: Replay(5), r"Replay\(timestamps=\) takes seconds, or the path"),
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


@pytest.mark.parametrize(
    "scenario",
    [
        *EACH,
        Concurrent(3, think=0.1, requests=4),
        MultiStream(4, workers=2),
        Step([(1, 2.0), (3, 4)], workers=2),
        Spike(1, 2, at=3, width=4, duration=9, arrivals="constant"),
        Replay([0.5, 2], speed=3),
    ],
)
def test_the_repr_makes_the_same_scenario(scenario):
    assert eval(repr(scenario)) == scenario  # noqa: S307 - our own text
    assert json.loads(json.dumps(scenario.describe()))["name"] == type(scenario).__name__


@given(rate=RATES, factor=st.floats(1.1, 100), seed=st.integers(0, 99))
def test_one_seed_gives_the_same_bursts_at_another_rate(rate, factor, seed):
    slow = Gamma(rate, 3, requests=40).plan(1, seed).offsets
    fast = Gamma(rate * factor, 3, requests=40).plan(1, seed).offsets
    assert np.allclose(fast * factor, slow, rtol=1e-6, atol=100 * factor)


def test_what_is_drawn_is_told_beside_what_was_asked_for():
    told = Gamma(100, 3, requests=50).plan(1, 0).describe()
    offsets = Gamma(100, 3, requests=50).plan(1, 0).offsets
    gaps = np.diff(offsets)
    assert told["planned"] == 50
    assert told["rate"] == pytest.approx(1e9 / gaps.mean())
    assert told["cv"] == pytest.approx(gaps.std() / gaps.mean())
    assert SingleStream().plan(1, 0).describe() is None
