"""The real files of an A100, where they lie beside the repository; they are not part of it."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from latprof.analysis.ops import Ceilings, HazardCode, compare_ops, lint, read_ops, roofline

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "tensorrt"
KNOWN = {
    "resnet-a100-fp32": (32, 2_123_776, 1600, 1_990_720),
    "resnet-a100-fp16": (36, 1_016_832, 3698, 862_183),
}

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"the A100 files are not here: {SAMPLES}"
)


@pytest.mark.parametrize("folder", KNOWN)
@pytest.mark.parametrize("given", ["profile", "graph", "timing"])
def test_layers_sum_and_median_are_what_the_files_say(folder, given):
    layers, sum_ns, queries, median_ns = KNOWN[folder]
    table = read_ops(SAMPLES / folder / f"resnet.onnx.engine.{given}.json")
    assert len(table) == layers
    assert table.attrs["total_ns"] == sum_ns
    assert table.attrs["run_ns"] == median_ns
    assert f"{queries:,} queries" in " ".join(table.attrs["notes"])


@pytest.mark.parametrize("folder", KNOWN)
def test_the_table_is_the_files_row_by_row(folder):
    stem = SAMPLES / folder / "resnet.onnx.engine"
    profile = json.loads(Path(f"{stem}.profile.json").read_text())[1:]
    queries = json.loads(Path(f"{stem}.timing.json").read_text())
    layers = json.loads(Path(f"{stem}.graph.json").read_text())["Layers"]
    table = read_ops(f"{stem}.profile.json")
    assert table["name"].tolist() == [row["name"] for row in profile]
    times = [round(row["averageMs"] * 1e6) for row in profile]
    assert table["time_ns"].tolist() == times
    assert (100 * table["share"]).tolist() == pytest.approx(
        [row["percentage"] for row in profile], abs=1e-3
    )
    median_ms = statistics.median(query["computeMs"] for query in queries)
    assert table.attrs["run_ns"] == round(median_ms * 1e6)
    kernels = [layer.get("TacticName") or None for layer in layers]
    assert table["kernel"].tolist() == kernels
    shapes = [[tuple(end["Dimensions"]) for end in layer["Outputs"]] for layer in layers]
    assert [[end.shape for end in ends] for ends in table["outputs"]] == shapes
    assert table["dtype"].notna().all()
    assert table["bytes"].notna().all()


def test_precisions_of_one_model_match_layer_by_layer():
    paths = [SAMPLES / folder / "resnet.onnx.engine.profile.json" for folder in KNOWN]
    compared = compare_ops(*[read_ops(path) for path in paths])
    totals = [known[1] for known in KNOWN.values()]
    assert [compared["a_ns"].sum(), compared["b_ns"].sum()] == totals
    assert compared.attrs["matched_share"] == 1


def test_the_one_convolution_off_tensor_cores_is_found():
    found = lint(read_ops(SAMPLES / "resnet-a100-fp32" / "resnet.onnx.engine.profile.json"))
    assert found[0].code == HazardCode.CONVOLUTIONS_OFF_TENSOR_CORES
    assert found[0].operators == ("Conv_0 + Relu_1",)
    assert found[0].time_ns == 522_240


@pytest.mark.parametrize("folder", KNOWN)
def test_operations_are_those_of_the_network(folder):
    table = read_ops(SAMPLES / folder / "resnet.onnx.engine.profile.json")
    found = roofline(table, Ceilings(flops_per_s=312e12, bytes_per_s=1.935e12))
    assert found["flops"].sum() == 2 * 32 * 1_814_073_344  # ResNet-18, a batch of 32
