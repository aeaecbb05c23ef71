"""Runs at the edges: every detector is asked, and none of them falls over."""

from __future__ import annotations

import json

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.diagnosis.diagnosis import diagnose

MS = 1_000_000


@pytest.fixture
def recorded(tmp_path):
    def run(target, inputs, scenario=None, **options):
        scenario = scenario or lp.SingleStream(requests=len(inputs))
        return lp.profile(target, inputs, scenario, progress=False, **options)

    return run


def spelled(run, baseline=None):
    found = run.diagnose(baseline)
    assert str(found)
    assert found.markdown()
    assert found._repr_html_()
    json.dumps(found.to_dict(), allow_nan=False)
    found.table()
    return found


def test_one_request(recorded):
    assert spelled(recorded(len, ["a"])).findings == ()


def test_two_requests_against_one(recorded):
    spelled(recorded(len, ["a", "b"]), recorded(len, ["a"]))


def test_only_errors(recorded):
    found = spelled(recorded(lambda _: 1 / 0, [0] * 20))
    assert found.findings == ()
    assert "nothing to diagnose" in found.headline


def test_a_single_stage(recorded):
    @lp.stage("all")
    def serve(n):
        return sum(range(n))

    spelled(recorded(serve, [100] * 50))


def test_no_stage_and_no_signals(recorded):
    spelled(recorded(len, ["a"] * 50, signals=False, probe="wall"))


def test_two_hundred_stages(recorded):
    def serve(_):
        for index in range(200):
            with lp.stage(f"stage {index}"):
                pass

    spelled(recorded(serve, [0] * 30))


def test_a_run_without_requests(tmp_path):
    with lp.record(tmp_path / "run") as recording, lp.stage("alone"):
        pass
    assert spelled(recording.run).p50_ns is None


def test_an_attribute_that_names_every_request(recorded):
    def serve(n):
        lp.annotate(user=f"user {n}", number=n * 0.5, odd=None if n % 2 else "yes")

    spelled(recorded(serve, list(range(20_000))))


@pytest.mark.slow
def test_an_attribute_with_a_hundred_thousand_values(recorded):
    def serve(n):
        lp.annotate(user=f"user {n}")

    spelled(recorded(serve, list(range(100_000))))


def test_an_open_loop_and_an_overloaded_one(recorded):
    spelled(recorded(lambda _: sum(range(5_000)), [0], lp.Poisson(500, requests=200)))
    spelled(recorded(lambda _: sum(range(50_000)), [0], lp.Poisson(3_000, requests=200)))


def test_several_workers(recorded):
    spelled(recorded(lambda _: sum(range(5_000)), [0], lp.Concurrent(4, requests=200)))


def test_a_run_of_an_older_version(recorded, tmp_path):
    """What later versions note is not there: signals, attributes, counts of run.json."""
    run = recorded(len, ["a"] * 50, out=tmp_path / "run")
    manifest = json.loads((run.path / "run.json").read_text())
    for name in ("driver", "draw", "pools", "signals_absent"):
        manifest.pop(name, None)
    manifest["environment"] = {"cpu": {}}
    (run.path / "run.json").write_text(json.dumps(manifest))
    spelled(lp.open_run(run.path))


@pytest.mark.parametrize("seed", range(20))
def test_made_up_cases_of_any_shape(case, seed):
    """Times of any size, unknown CPU times, attributes with holes: nothing is raised."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    parts = {
        name: rng.lognormal(rng.normal(0, 3), rng.random(), n)
        for name in ("tokenize", "forward", "untracked")[: int(rng.integers(1, 4))]
    }
    shares = {name: rng.random(n) for name in parts}
    attributes = {
        "tokens": [int(each) if each > 3 else None for each in rng.integers(0, 50, n)],
        "padding_share": rng.random(n),
        "input": rng.integers(0, 9, n),
        "input_size": rng.integers(0, 2**40, n),
        "grad_graph": [bool(each) for each in rng.integers(0, 2, n)],
        "tenant": [str(each) for each in rng.integers(0, 5, n)],
    }
    end = int(rng.integers(1, 10)) * 1_000 * MS
    names = ("process_cpu_s", "machine_cpu_busy_s", "rss_bytes", "gc_pause_ns", "runnable_own")
    signals = [
        (int(at), name, float(value))
        for name in names
        for at, value in zip(
            np.sort(rng.integers(0, end, 6)), np.cumsum(rng.lognormal(0, 2, 6)), strict=True
        )
    ]
    seen = case(
        parts,
        cpu=shares,
        runqueue={name: (1 - share) / 2 for name, share in shares.items()},
        attributes=attributes,
        signals=signals,
        arrivals_ms=np.cumsum(rng.exponential(5, n)) if seed % 2 else None,
    )
    found = diagnose(seen.run)
    assert found.requests == n
    assert str(found)
