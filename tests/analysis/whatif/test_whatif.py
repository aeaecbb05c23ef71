"""Predictions against what theory, subtraction and a second load say."""

from __future__ import annotations

import json

import numpy as np
import pytest

import latprof as lp
from latprof.errors import UsageError
from latprof.run.model import Reason, Validity, Verdict
from latprof.testing import ConstantTime, ExponentialTime, LognormalTime, SimulatedService

MS = 1_000_000


@pytest.fixture(scope="module")
def exponential():
    return SimulatedService(ExponentialTime(0.01))


@pytest.fixture(scope="module")
def run(exponential):
    return exponential.record(lp.Poisson(50, requests=20_000), warmup=0)


@pytest.fixture
def recorded(table_run, served):
    """A run of two stages and its rest, one request after the other or by a plan."""

    def make(parts_ms, *, arrivals_ms=None, attributes=None, **manifest):
        n = max(np.size(each) for each in parts_ms.values())
        walls = {
            name: np.round(np.broadcast_to(np.asarray(each, float), n) * MS).astype(np.int64)
            for name, each in parts_ms.items()
        }
        rows = served(sum(walls.values()))
        manifest = {"target": "Service", "environment": {}, "driver": {"workers": 1}} | manifest
        if arrivals_ms is not None:
            free = 0
            for row, arrival in zip(rows, np.asarray(arrivals_ms) * MS, strict=True):
                took = row["finished_ns"] - row["started_ns"]
                row["intended_ns"], row["started_ns"] = int(arrival), max(int(arrival), free)
                free = row["finished_ns"] = row["started_ns"] + took
            manifest["arrivals"] = {"planned": n}
        made = table_run(rows, list(_spans(rows, walls)), **manifest)
        for name, values in (attributes or {}).items():
            column = np.asarray(values).tolist()
            made._tables["requests"] = made._tables["requests"].append_column(
                f"attr.{name}", [column]
            )
        return made

    return make


def _spans(rows, walls):
    for request, row in enumerate(rows):
        at = row["started_ns"]
        for name, wall in walls.items():
            if name != "untracked":
                end = at + int(wall[request])
                yield {"request_id": request, "stage": name, "start_ns": at, "end_ns": end}
            at += int(wall[request])


def ask(run, **change):
    from latprof.analysis.whatif.whatif import what_if

    return what_if(run, **change)


def test_another_rate_is_what_theory_says(exponential, run):
    found = run.what_if(rate=80)
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        truth = exponential.latency_ns(q, rate=80)
        forecast = getattr(found, name)
        assert forecast.value_ns == pytest.approx(truth, rel=0.1)
        assert forecast.low_ns < truth < forecast.high_ns
    assert found.busy == pytest.approx(0.8, rel=0.02)
    assert found.refused is None


def test_more_workers_are_what_erlang_says(exponential, run):
    truth = exponential.latency_ns(0.99, rate=120, workers=2)
    assert run.what_if(workers=2, rate=120).p99.value_ns == pytest.approx(truth, rel=0.1)


def test_twice_as_fast_is_a_quicker_queue(run):
    quicker = SimulatedService(ExponentialTime(0.005))
    truth = quicker.latency_ns(0.99, rate=50)
    found = run.what_if(speedup={"untracked": 2.0})
    assert found.p99.value_ns == pytest.approx(truth, rel=0.1)
    assert found.p99.gain_low_ns < found.p99.gain_ns < found.p99.gain_high_ns
    assert found.p99.base_ns == run.latency(0.99).value_ns


@pytest.mark.parametrize("time", [ConstantTime(0.01), LognormalTime(0.01, cv=0.5)])
def test_the_bands_hold_what_is_then_measured(time):
    """Forty pairs of runs: nineteen in twenty within, but for three standard errors."""
    inside, withheld = [], 0
    for seed in range(40):
        service = SimulatedService(time, seed)
        before = service.record(lp.Poisson(50, requests=1_500), seed=seed, warmup=0)
        after = service.record(lp.Poisson(70, requests=1_500), seed=seed + 1000, warmup=0)
        forecast = before.what_if(rate=70).p99
        if forecast is None:  # a few requests decide it
            withheld += 1
            continue
        requests = after.requests
        latencies = requests.finished_ns - requests.intended_ns
        measured = np.quantile(latencies, 0.99, method="inverted_cdf")
        inside.append(forecast.low_ns <= measured <= forecast.high_ns)
    told = len(inside)
    assert sum(inside) >= 0.95 * told - 3 * np.sqrt(told * 0.95 * 0.05)
    assert withheld <= 4


def test_a_closed_loop_is_subtraction(recorded):
    parts = {"tokenize": np.linspace(4, 8, 500), "forward": 10.0, "untracked": 1.0}
    found = ask(recorded(parts), speedup={"tokenize": 2.0, "forward": 4.0})
    assert found.p50.value_ns == pytest.approx((3 + 2.5 + 1) * MS, rel=0.01)
    assert found.rate is None
    assert found.busy is None
    assert sum(found.shares["p50"].values()) == pytest.approx(found.p50.gain_ns)
    assert found.shares["p50"]["forward"] == pytest.approx(7.5 * MS, rel=0.05)


def test_the_split_adds_up_where_the_queue_is_replayed(recorded):
    rng = np.random.default_rng(0)
    parts = {"tokenize": rng.exponential(2, 2_000), "forward": rng.exponential(5, 2_000)}
    arrivals = np.cumsum(rng.exponential(10, 2_000))
    speedup = {"tokenize": 2.0, "forward": 2.0}
    found = ask(recorded(parts, arrivals_ms=arrivals), speedup=speedup)
    neither = ask(recorded(parts, arrivals_ms=arrivals), speedup={"tokenize": 1.0000001})
    for name in ("p50", "p95", "p99"):
        gain = getattr(neither, name).value_ns - getattr(found, name).value_ns
        assert sum(found.shares[name].values()) == pytest.approx(gain, rel=1e-3)


def test_what_few_requests_cannot_carry_is_missing_with_the_reason(recorded):
    found = ask(recorded({"forward": np.linspace(4, 8, 300)}), speedup={"forward": 2.0})
    assert found.p99 is None
    assert found.p95 is not None
    assert found.missing["p99"] == "p99 takes 1,000 measured requests, here are 300"


def test_a_slow_slice_routed_away_leaves_the_others_their_queue(recorded):
    slow = np.arange(4_000) % 10 == 0
    parts = {"forward": np.where(slow, 60.0, 4.0)}
    arrivals = np.cumsum(np.random.default_rng(1).exponential(20, 4_000))
    attributes = {"tenant": np.where(slow, "zen", "acme"), "tokens": np.where(slow, 900, 50)}
    run = recorded(parts, arrivals_ms=arrivals, attributes=attributes)
    by_name, by_size = (ask(run, without=each) for each in ({"tenant": "zen"}, {"tokens": "> 512"}))
    assert by_name.headline.startswith("without tenant zen: p50 from")
    assert by_name.p99.value_ns == by_size.p99.value_ns < 0.2 * by_name.p99.base_ns
    with pytest.raises(UsageError, match="no request has an attribute 'tenat'"):
        ask(run, without={"tenat": "zen"})
    with pytest.raises(UsageError, match="cannot compare numbers"):
        ask(run, without={"tokens": "> many"})


def test_padding_is_priced_by_a_line_where_lengths_vary(recorded):
    lengths = np.tile([64, 128, 256, 512], 250)
    attributes = {"positions": lengths, "tokens": lengths // 2}
    run = recorded({"forward": 2.0 + 0.02 * lengths}, attributes=attributes)
    found = ask(run, padding=False)
    half = 2.0 + 0.02 * 64  # of the second shortest, the median
    assert found.p50.value_ns == pytest.approx(half * MS, rel=0.01)
    fixed = recorded(
        {"forward": np.full(1000, 12.0)},
        attributes={"positions": np.full(1000, 512), "tokens": np.full(1000, 128)},
    )
    found = ask(fixed, padding=False)
    assert found.p50.value_ns == pytest.approx(3 * MS, rel=0.01)
    assert "the most there can be" in " ".join(found.assumptions)
    assert "tells its tokens" in ask(recorded({"forward": np.full(99, 1.0)}), padding=False).refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "nothing would change"),
        ({"speedup": {"forwrd": 2.0}}, "did you mean 'forward'"),
        ({"speedup": {"forward": 0}}, "how many times as fast"),
        ({"speedup": 2.0}, "takes stages and factors"),
        ({"workers": 0}, "workers= takes a whole number"),
        ({"rate": -1}, "rate= takes requests a second"),
        ({"batch": {"size": 8}}, "max_batch"),
    ],
)
def test_a_wrong_question_says_what_is_accepted(recorded, change, message):
    with pytest.raises(UsageError, match=message):
        ask(recorded({"forward": np.full(100, 1.0)}), **change)


def test_what_the_verdict_has_against_the_run_is_taken_for_granted(recorded):
    run = recorded({"forward": np.linspace(4, 8, 300)})
    contended = Reason(
        "host_contended", Verdict.WARN, "neighbours kept 2.0 cores busy", "stop them"
    )
    note = Reason("few_samples", Verdict.VALID, "300 requests do not carry p99.9", "send more")
    run.validity = Validity(Verdict.WARN, (contended, note))
    told = " ".join(ask(run, speedup={"forward": 2.0}).assumptions)
    assert "against this run stays so: neighbours kept 2.0 cores busy" in told
    assert "p99.9" not in told


def test_every_spelling_says_the_same(run):
    found = run.what_if(rate=80)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["p99"]["value_ns"] == found.p99.value_ns
    assert plain["refused"] is None
    assert found.table().loc["p99", "value"] == found.p99.value_ns
    for spelling in (str(found), found.markdown(), found._repr_html_()):
        assert "80.0/s offered" in spelling
        assert "Poisson" in spelling
    assert found.headline.startswith("with 80.0/s offered: p50 from")
    assert "Prediction" in repr(found)
