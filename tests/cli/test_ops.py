from __future__ import annotations

import json

import pytest

from latprof.cli.exits import ExitCode
from latprof.demo.service import MODEL_FOLDER

MODEL = MODEL_FOLDER / "model.onnx"
SHAPES = ("--shape", "input_ids=2x8", "--shape", "attention_mask=2x8")


@pytest.fixture
def profile(workplace):
    """A profile of trtexec: two layers, the second a copy."""
    layers = [{"name": "Conv_0 + Relu_1", "averageMs": 0.3}, {"name": "Conv_2", "averageMs": 0.1}]
    (workplace / "net.profile.json").write_text(json.dumps([{"count": 20}, *layers]))
    return "net.profile.json"


@pytest.fixture
def slower(workplace):
    layers = [{"name": "Conv_0", "averageMs": 0.5}, {"name": "Conv_2", "averageMs": 0.1}]
    (workplace / "other.json").write_text(json.dumps([{"count": 20}, *layers]))
    return "other.json"


@pytest.fixture
def few(monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setattr("latprof.analysis.ops.live._MOST_RUNS", 1)


def test_a_profile_is_shown_on_one_screen(cli, profile):
    answer = cli("ops", profile)
    assert answer.code == ExitCode.FINE
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 40
    assert "Conv_0 + Relu_1" in answer.out
    assert "75.0 %" in answer.out


def test_top_limits_the_names(cli, profile):
    assert "1 more operator " in cli("ops", profile, "--top", 1).out


def test_json_has_operators_and_hazards(cli, profile):
    document = json.loads(cli("ops", profile, "--json").out)
    assert [row["time_ns"] for row in document["operators"]] == [300_000, 100_000]
    assert document["facts"]["total_ns"] == 400_000
    assert document["hazards"] == []
    assert document["comparison"] is None


def test_two_profiles_are_compared_with_fusions_matched(cli, profile, slower):
    assert "0.60 ×" in cli("ops", profile, "--compare", slower).out
    document = json.loads(cli("ops", profile, "--compare", slower, "--json").out)
    assert document["comparison"][0]["a_ops"] == ["Conv_0 + Relu_1"]
    assert document["comparison"][0]["b_ops"] == ["Conv_0"]
    assert document["comparison"][0]["delta_ns"] == 200_000


def test_ceilings_of_another_machine_can_be_given(cli, profile):
    document = json.loads(cli("ops", profile, "--ceilings", "1e12,1e11", "--json").out)
    assert document["ceilings"] == {"flops_per_s": 1e12, "bytes_per_s": 1e11}


def test_a_live_model_is_profiled_and_the_cost_said(cli, few):
    answer = cli("ops", MODEL, "--backend", "onnxruntime", "--threads", 1, *SHAPES)
    assert answer.code == ExitCode.FINE
    assert "with the" in answer.out
    assert "scaled back to the plain run" in " ".join(answer.out.split())
    assert "MatMul" in answer.out


def test_a_live_model_is_set_against_the_roof_of_this_machine(cli, few, monkeypatch):
    monkeypatch.setattr("latprof.analysis.ops.ceilings._GEMM_SIZE", 64)
    monkeypatch.setattr("latprof.analysis.ops.ceilings._COPY_BYTES", 1 << 16)
    words = ("ops", MODEL, "--backend", "onnxruntime", *SHAPES, "--roofline")
    assert "-bound" in cli(*words).out


def test_backends_are_compared_on_one_model(cli, few):
    pytest.importorskip("openvino", reason="needs openvino")
    words = ("ops", MODEL, "--backend", "onnxruntime", *SHAPES, "--compare", "openvino", "--json")
    document = json.loads(cli(*words).out)
    matched_ns = sum(r["a_ns"] + r["b_ns"] for r in document["comparison"] if r["matched"])
    total_ns = sum(r["a_ns"] + r["b_ns"] for r in document["comparison"])
    assert matched_ns > 0.8 * total_ns
    assert document["other"] == "openvino"


def test_a_torch_module_is_named_by_its_module(cli, few, workplace):
    pytest.importorskip("torch", reason="needs torch")
    (workplace / "net.py").write_text(
        "import torch\n\ndef make():\n    return torch.nn.Linear(8, 4)\n"
    )
    words = ("ops", "net.py:make", "--backend", "torch", "--shape", "2x8", "--json")
    document = json.loads(cli(*words).out)
    assert "aten::addmm" in [row["op_type"] for row in document["operators"]]


def test_times_are_written_into_the_model(cli, few, workplace):
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    words = ("ops", MODEL, "--backend", "onnxruntime", *SHAPES, "--annotate", "out.onnx")
    answer = cli(*words)
    assert "annotated" in answer.out
    nodes = onnx.load(workplace / "out.onnx").graph.node
    assert any(each.key == "latprof.time_ns" for node in nodes for each in node.metadata_props)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.json"], "nowhere.json: cannot be read"),
        ([MODEL], "is a model, not a profile: run it with --backend"),
        (["net.profile.json", "--annotate", "out.onnx"], "give it with --model"),
        (["net.profile.json", "--roofline"], "give a GPU's own --ceilings"),
        (["net.profile.json", "--ceilings", "fast"], "--ceilings takes"),
        (["net.profile.json", "--threads", "2"], "belong to --backend"),
        (["a", "b", "--backend", "torch"], "give one file"),
        (["none.onnx", "--backend", "onnxruntime"], "there is no file none.onnx"),
        ([MODEL, "--backend", "onxruntime"], "did you mean 'onnxruntime'?"),
        ([MODEL, "--backend", "onnxruntime", "--shape", "input_ids=2xb"], "write sizes as in"),
        ([MODEL, "--backend", "onnxruntime", "--shape", "2x8"], "--shape needs a name"),
        ([MODEL, "--backend", "onnxruntime", "--shape", "input_ids=2x2x2"], "wants shape"),
        ([MODEL, "--backend", "onnxruntime", "--shape", "input_ids=2:what"], "no type 'what'"),
        ([MODEL, "--backend", "onnxruntime", *SHAPES, *SHAPES[:2]], "has its shape already"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(cli, profile, words, said):
    answer = cli("ops", *words)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""
