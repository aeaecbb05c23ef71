"""Real runtimes in processes of their own, on the demo's model."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import latprof
from latprof.demo.service import MODEL_FOLDER

FILE = MODEL_FOLDER / "model.onnx"
SHORT = {"starts": 1, "rounds": 6, "calls": 5, "progress": False}

pytestmark = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")


@pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")
def test_two_runtimes_agree_on_inputs_made_up_from_the_model():
    duel = latprof.duel({"onnxruntime": FILE, "openvino": FILE}, **SHORT)
    parity = duel.judgement.parities["openvino"]
    assert parity.agreement == "agree"
    assert 0 < parity.share < 1  # they do differ in the last bits
    assert (parity.inputs, parity.task.choices) == (8, 8)
    assert duel.manifest.made_up
    assert duel.manifest.roundings["terms"] > 500
    row = duel.table().set_index("arm").loc["openvino"]
    assert row[["load_ns", "first_call_ns", "cold_shape_ns", "memory_bytes"]].notna().all()


def test_options_reach_the_backend_and_threads_are_the_same_for_all():
    plain = {"model": FILE, "backend": "onnxruntime"}
    arms = {"all": plain, "none": {**plain, "optimization": "disable"}}
    duel = latprof.duel(arms, threads=2, **SHORT)
    described = [arm.described for arm in duel.manifest.arms]
    assert [each["optimization"] for each in described] == ["all", "disable"]
    assert [each["threads"]["intra"] for each in described] == [2, 2]


def test_a_backend_that_is_not_there_is_a_row_with_the_pip_line():
    if find_spec("tensorrt") is not None:
        pytest.skip("tensorrt is installed here")
    arms = {"onnxruntime": FILE, "again": {"model": FILE, "backend": "onnxruntime"}}
    duel = latprof.duel({**arms, "tensorrt": FILE}, **SHORT)
    reason = duel.table().set_index("arm").loc["tensorrt", "reason"]
    assert 'pip install "latprof[tensorrt]"' in reason
    assert duel.finished == ("onnxruntime", "again")


def test_a_loaded_model_is_called_where_it_is():
    with latprof.load_model(FILE, threads=1) as model:
        duel = latprof.duel({"here": model, "onnxruntime": FILE}, **SHORT)
    assert [arm.here for arm in duel.manifest.arms] == [True, False]
    assert duel.manifest.arms[0].described["backend"] == "onnxruntime"
    assert duel.judgement.parities["onnxruntime"].agreement == "agree"


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_a_torch_program_duels_with_itself(tmp_path):
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    program = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(module.eval(), (torch.ones(1, 8),)), program)
    rows = [{"input": np.full((1, 8), at, np.float32)} for at in range(3)]
    arms = {"torch": program, "again": {"model": program, "backend": "torch"}}
    duel = latprof.duel(arms, rows, **SHORT)
    assert duel.finished == ("torch", "again")
    assert duel.judgement.parities["again"].share == 0


@pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")
def test_bfloat16_is_judged_by_its_own_round_off():
    half = {"model": FILE, "backend": "openvino", "precision": "bf16"}
    duel = latprof.duel({"onnxruntime": FILE, "half": half}, **SHORT)
    if "half" not in duel.finished:
        pytest.skip(f"no bfloat16 here: {duel.table()['reason'][1]}")
    actual = duel.manifest.arms[1].described["precision"]
    assert duel.judgement.precision == ("bf16" if actual == "bf16" else "f32")
    assert duel.judgement.parities["half"].agreement == "agree"
