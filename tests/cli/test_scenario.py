from __future__ import annotations

import pytest

from latprof.cli.scenario import ScenarioName, scenario
from latprof.errors import UsageError
from latprof.load.scenarios import Concurrent, Constant, Poisson, SingleStream

NOTHING = {
    "rate": None,
    "concurrency": None,
    "workers": None,
    "requests": None,
    "duration": None,
}


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        (None, {}, SingleStream()),
        ("single", {"requests": 5}, SingleStream(requests=5)),
        (None, {"concurrency": 3}, Concurrent(3)),
        ("concurrent", {"concurrency": 3, "duration": 2.0}, Concurrent(3, duration=2.0)),
        (None, {"rate": 40.0}, Poisson(40)),
        (None, {"rate": 40.0, "workers": 2}, Poisson(40, workers=2)),
        ("poisson", {"rate": 40.0, "duration": 9.0}, Poisson(40, duration=9)),
        ("constant", {"rate": 40.0, "workers": 2}, Constant(40, workers=2)),
    ],
)
def test_options_mean_a_scenario(name, given, meant):
    chosen = None if name is None else ScenarioName(name)
    assert scenario(chosen, **{**NOTHING, **given}) == meant


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("poisson", {}, "--scenario poisson needs --rate"),
        ("constant", {}, "--scenario constant needs --rate"),
        ("concurrent", {}, "--scenario concurrent needs --concurrency"),
        (None, {"workers": 2}, "--scenario poisson needs --rate"),
        (
            "single",
            {"rate": 4.0},
            "--rate goes with --scenario constant or poisson, not with single",
        ),
        ("single", {"concurrency": 4}, "--concurrency goes with --scenario concurrent"),
        (None, {"rate": 4.0, "concurrency": 4}, "--concurrency goes with --scenario concurrent"),
        ("concurrent", {"concurrency": 4, "workers": 4}, "--workers goes with --scenario constant"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, given, said):
    chosen = None if name is None else ScenarioName(name)
    with pytest.raises(UsageError) as refused:
        scenario(chosen, **{**NOTHING, **given})
    assert said in str(refused.value)
