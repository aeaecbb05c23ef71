"""The table of what drifted, on runs that a real recording has written."""

from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.drift.drift import COLUMNS
from latprof.testing import ExponentialTime, FakeClock, SimulatedService

N = 600


class Service:
    """Takes what its input says, on a clock that stands still, and annotates what it is told."""

    def __init__(self):
        self.clock = FakeClock()

    def __call__(self, request):
        duration_ns, attributes = request
        lp.annotate(**attributes)
        self.clock.advance(int(duration_ns))


def recorded(tokens, factor=1.0, seed=0, **more):
    """A service of 1 ms and 0.01 ms a token times `factor`, with noise of a tenth."""
    rng = np.random.default_rng([seed, 1])  # a stream of its own, apart from that of the lengths
    tokens = np.asarray(tokens)
    services = (1e6 + 1e4 * tokens) * factor * rng.lognormal(0, 0.1, tokens.size)
    columns = {"tokens": tokens.tolist(), **more}
    inputs = [
        (service, {name: values[i] for name, values in columns.items()})
        for i, service in enumerate(services)
    ]
    return lp.profile(Service(), inputs, warmup=0, signals=False, progress=False)


def lengths(seed, n=N, typical=100):
    return np.random.default_rng(seed).lognormal(np.log(typical), 0.4, n).round().astype(int)


def test_nothing_is_listed_of_runs_that_do_not_drift():
    listed = 0
    for seed in range(40):
        tenants = np.random.default_rng(seed).choice(["a", "b", "c"], 300).tolist()
        run = recorded(lengths(seed, 300), seed=seed, tenant=tenants)
        before = recorded(lengths(99 + seed, 300), seed=99 + seed, tenant=tenants)
        listed += len(run.drift()) + len(run.drift(before))
    # 80 tables at 1 %: a Poisson law of mean 0.8 stays below 4 in 99 of 100 cases.
    assert listed <= 3


def test_longer_inputs_drift_and_the_service_given_them_does_not():
    mixed = np.r_[lengths(0, 400), lengths(1, 200, typical=180)]
    table = recorded(mixed).drift()
    assert list(table.columns) == list(COLUMNS)
    assert set(table.index) == {"tokens", "service"}
    tokens = table.loc["tokens"]
    assert tokens["kind"] == "input"
    assert tokens["psi"] > 0.25
    assert tokens["effect_lo"] < 86 < tokens["effect_hi"]  # 80 and the half of its variance
    assert tokens["n_before"] == pytest.approx(400, abs=15)


def test_a_slower_service_drifts_given_its_input():
    factor = np.where(np.arange(N) < 300, 1.0, 1.3)
    table = recorded(lengths(0), factor).drift()
    assert set(table.index) == {"service", "service given tokens"}
    row = table.loc["service given tokens"]
    assert row["relative"] == pytest.approx(0.3, abs=0.06)
    assert (row["unit"], row["measure"]) == ("ns", "median")
    assert row["effect_lo"] < row["effect"] < row["effect_hi"]
    # 300 requests of 2.08 ms in the mean.
    assert row["when_s"] == pytest.approx(0.63, abs=0.05)


def test_a_slow_climb_is_a_drift():
    table = recorded(np.full(N, 100), np.linspace(1, 1.5, N)).drift()
    assert list(table.index) == ["service"]


def test_a_burst_that_passes_is_none():
    factor = np.where((np.arange(N) > 250) & (np.arange(N) < 330), 3.0, 1.0)
    assert recorded(lengths(0), factor).drift().empty


def test_a_mix_of_words_drifts_by_the_share_that_moved():
    rng = np.random.default_rng(0)
    tenant = [*rng.choice(["a", "b"], 300, p=[0.9, 0.1]), *rng.choice(["a", "b"], 300)]
    table = recorded(np.full(N, 100), tenant=[str(each) for each in tenant]).drift()
    (row,) = table.to_dict("records")
    assert row["what"] == "tenant"
    assert row["measure"] in ("share of a", "share of b")
    assert abs(row["effect"]) == pytest.approx(0.4, abs=0.1)


def test_what_names_the_requests_is_left_out():
    run = recorded(lengths(0), order=list(range(N)), id=[f"r{i}" for i in range(N)])
    table = run.drift()
    assert not {"order", "id"} & set(table.index)
    assert set(table.attrs["left_out"]) == {"order", "id"}


@pytest.mark.parametrize("factor", [1.0, 1.4])
def test_against_a_baseline_the_input_is_told_from_the_service(factor):
    before, after = recorded(lengths(0)), recorded(lengths(1, typical=140), factor, seed=1)
    table = after.drift(before)
    assert {"tokens", "service"} <= set(table.index)
    assert ("service given tokens" in table.index) == (factor > 1)
    assert table["when_s"].isna().all()
    if factor > 1:
        row = table.loc["service given tokens"]
        assert row["effect_lo"] / row["before"] < 0.4 < row["effect_hi"] / row["before"]


def test_few_values_in_one_run_and_many_in_the_other_are_still_compared():
    before, after = recorded(lengths(0) % 5 + 100), recorded(lengths(1))
    assert "tokens" in after.drift(before).index
    words = recorded(np.full(N, 100), tenant=["a", "b"] * 300)
    others = recorded(np.full(N, 100), tenant=["b", "c"] * 300)
    assert others.drift(words).loc["tenant", "measure"] in ("share of a", "share of c")


def arriving(scenario, seed=0):
    service = SimulatedService(ExponentialTime(mean_s=0.002), seed=seed)
    return lp.profile(service, [None], scenario, seed=seed, progress=False, warmup=0)


@pytest.mark.parametrize(
    "scenario", [lp.Poisson(100, requests=600), lp.Gamma(100, cv=3, requests=600)]
)
def test_steady_arrivals_do_not_drift_however_they_come(scenario):
    assert sum(len(arriving(scenario, seed).drift()) for seed in range(30)) <= 2


def test_a_rate_that_steps_drifts_and_the_service_does_not():
    run = arriving(lp.Step([100, 200], duration=6))
    table = run.drift()
    assert list(table.index) == ["arrival rate"]
    row = table.loc["arrival rate"]
    assert row["effect_lo"] < 100 < row["effect_hi"]
    assert row["when_s"] == pytest.approx(3, abs=0.3)


def test_burstier_arrivals_drift_at_the_same_rate():
    even, bursty = (
        arriving(lp.Gamma(100, cv=0.5, requests=800)),
        arriving(lp.Gamma(100, cv=2, requests=800)),
    )
    assert list(bursty.drift(even).index) == ["burstiness"]


def test_a_closed_loop_has_no_arrivals_of_its_own():
    assert "arrival rate" not in recorded(lengths(0)).drift().attrs["looked_at"]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_short_runs_and_those_without_answers_have_an_empty_table(n):
    run = recorded(np.full(n, 100)) if n else lp.profile(len, [7], progress=False)
    assert run.drift().empty
    assert run.drift(recorded(lengths(0))).empty
    assert list(run.drift().columns) == list(COLUMNS)
