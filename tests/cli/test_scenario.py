from __future__ import annotations

import pytest

from latprof.cli.scenario import Chance, ScenarioName, Times, scenario
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

FIRST_LOOK = (1_000, 30.0)


def built(name, given, *stops):
    return scenario(None if name is None else ScenarioName(name), given, *stops)


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        (None, {}, SingleStream()),
        ("single", {"rate": None}, SingleStream()),
        (None, {"concurrency": 3}, Concurrent(3)),
        (
            "concurrent",
            {"concurrency": 3, "think": 0.5, "think_times": Times.EXPONENTIAL},
            Concurrent(3, think=0.5, think_times="exponential"),
        ),
        (None, {"rate": 40.0}, Poisson(40)),
        (None, {"rate": 40.0, "workers": 2}, Poisson(40, workers=2)),
        ("constant", {"rate": 40.0, "workers": 2}, Constant(40, workers=2)),
        (None, {"rate": 40.0, "cv": 3.0}, Gamma(40, cv=3)),
        ("gamma", {"rate": 40.0, "cv": 3.0}, Gamma(40, cv=3)),
        (None, {"start": 1.0, "stop": 9.0}, Ramp(1, 9)),
        ("ramp", {"start": 1.0, "stop": 9.0, "workers": 2}, Ramp(1, 9, workers=2)),
        (None, {"rates": "10,20,40"}, Step([10, 20, 40])),
        (None, {"rates": "10:5, 40:1"}, Step([(10, 5), (40, 1)])),
        (
            None,
            {"base": 5.0, "peak": 50.0, "at": 1.0, "width": 2.0, "arrivals": Chance.CONSTANT},
            Spike(5, 50, at=1, width=2, arrivals="constant"),
        ),
        ("multistream", {}, MultiStream()),
        (None, {"samples": 4, "workers": 4}, MultiStream(4, workers=4)),
        ("offline", {}, Offline()),
        (None, {"batch": 16}, Offline(batch=16)),
        (None, {"gaps": "0,0.1,1"}, IdleSweep([0, 0.1, 1])),
    ],
)
def test_options_mean_a_scenario(name, given, meant):
    assert built(name, given) == meant


def test_a_trace_means_a_replay(tmp_path):
    path = tmp_path / "traffic.csv"
    path.write_text("timestamp\n0\n0.5\n")
    assert built(None, {"trace": path, "speed": 2.0}) == Replay(path, speed=2)


@pytest.mark.parametrize(
    ("given", "stops", "end"),
    [
        ({}, [(5, None)], (5, None)),
        ({}, [(None, 2.0), FIRST_LOOK], (None, 2.0)),
        ({}, [(None, None), FIRST_LOOK], FIRST_LOOK),
        ({"rate": 4.0}, [(None, None), FIRST_LOOK], FIRST_LOOK),
        ({"start": 1.0, "stop": 2.0}, [(None, None), FIRST_LOOK], (None, 30.0)),
        ({"rates": "1,2"}, [(None, None), FIRST_LOOK], (None, 30.0)),
        ({"rates": "1:60,2:60"}, [(None, None), FIRST_LOOK], (None, None)),
    ],
)
def test_a_load_ends_as_it_was_told_or_as_a_first_look_does(given, stops, end):
    found = built(None, given, *stops)
    assert (found.requests, found.duration) == end


def test_a_trace_ends_with_its_rows(tmp_path):
    path = tmp_path / "traffic.csv"
    path.write_text("timestamp\n0\n99\n")
    found = built(None, {"trace": path}, (None, None), FIRST_LOOK)
    assert (found.requests, found.duration) == (None, None)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("poisson", {}, "--scenario poisson needs --rate"),
        ("constant", {}, "--scenario constant needs --rate"),
        ("gamma", {"rate": 4.0}, "--scenario gamma needs --cv"),
        ("concurrent", {}, "--scenario concurrent needs --concurrency"),
        ("step", {}, "--scenario step needs --rates, for example --rates 10,20,40"),
        ("replay", {}, "--scenario replay needs --trace, for example --trace traffic.csv"),
        (None, {"workers": 2}, "--scenario poisson needs --rate"),
        (None, {"think": 2.0}, "--scenario concurrent needs --concurrency"),
        (None, {"start": 2.0}, "--scenario ramp needs --stop"),
        (
            "single",
            {"rate": 4.0},
            "--rate goes with --scenario constant or poisson or gamma, not with single",
        ),
        ("single", {"concurrency": 4}, "--concurrency goes with --scenario concurrent"),
        (None, {"rate": 4.0, "concurrency": 4}, "--concurrency goes with --scenario concurrent"),
        ("concurrent", {"concurrency": 4, "workers": 4}, "--workers goes with --scenario multi"),
        ("ramp", {"think_times": Times.CONSTANT}, "--think-times goes with --scenario concurrent"),
        (None, {"rates": "10,many"}, "--rates takes numbers such as 10,20,40, not 'many'"),
        (None, {"gaps": ""}, "--gaps takes numbers such as 0,0.1,1, not ''"),
        (None, {"rates": "10:x"}, "--rates takes numbers"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, given, said):
    with pytest.raises(UsageError) as refused:
        built(name, given)
    assert said in str(refused.value)
