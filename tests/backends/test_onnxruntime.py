from __future__ import annotations

import json
import random

import numpy as np
import pytest
from onnx import TensorProto, helper

from latprof.backends.onnxruntime import DeviceSessionModel
from latprof.backends.registry import load_model
from latprof.backends.session import Plan
from latprof.demo.service import MODEL_FOLDER
from latprof.errors import BackendUnavailable, InferenceError, ModelFormatError, UsageError

from .conftest import WEIGHTS, graph_file, relu

ort = pytest.importorskip("onnxruntime")


def test_it_answers_as_the_arithmetic_does(dense, x):
    with load_model(dense) as model:
        assert model.stages == ("forward",)
        np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
        for batch in (1, 7):
            assert model({"x": np.ones((batch, 4), np.float32)})["y"].shape == (batch, 3)


def test_inputs_of_several_types_and_several_outputs(lookup):
    ids, scale = np.array([0, 3, 3]), np.array([1, 2, 3], np.float32)
    with load_model(lookup) as model:
        outputs = model({"scale": scale, "ids": ids})
    assert list(outputs) == ["row", "scaled"]
    np.testing.assert_array_equal(outputs["row"], WEIGHTS[ids])
    np.testing.assert_allclose(outputs["scaled"], WEIGHTS[ids] * scale)


def test_it_says_what_it_takes(lookup):
    with load_model(lookup) as model:
        assert [str(spec) for spec in model.inputs] == ["ids: int64 [?]", "scale: float32 [3]"]
        with pytest.raises(UsageError, match=r"'ids' wants int64, got int32"):
            model({"ids": np.zeros(2, np.int32), "scale": np.zeros(3, np.float32)})


def test_it_takes_all_its_options_and_says_so(dense, x):
    model = load_model(
        dense,
        threads=1,
        inter_threads=2,
        spinning=False,
        optimization="basic",
        execution="parallel",
    )
    settings = model.session.get_session_options()
    assert settings.intra_op_num_threads == 1
    assert settings.inter_op_num_threads == 2
    assert settings.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert settings.execution_mode == ort.ExecutionMode.ORT_PARALLEL
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert settings.get_session_config_entry("session.inter_op.allow_spinning") == "0"
    description = model.describe()
    assert description["threads"] == {"intra": 1, "inter": 2}
    assert description["spinning"] is False
    assert description["providers"]["actual"] == ["CPUExecutionProvider"]
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


def test_what_onnxruntime_made_of_it_is_told(dense):
    with load_model(dense, inter_threads=1, execution="parallel") as model:
        told = model.describe()["execution"]
    actual = {"ORT_SEQUENTIAL": "sequential", "ORT_PARALLEL": "parallel"}
    made = ort.SessionOptions()
    made.inter_op_num_threads = 1
    made.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    session = ort.InferenceSession(str(dense), made, providers=["CPUExecutionProvider"])
    mode = session.get_session_options().execution_mode.name
    assert told == {"asked": "parallel", "actual": actual[mode]}


def test_a_description_is_plain_data_with_the_placement(dense):
    with load_model(dense) as model:
        description = json.loads(json.dumps(model.describe()))
    assert description["version"] == ort.__version__
    assert description["precision"] == "as in the model (f32 at its ends)"
    if description["placement"] is not None:
        assert description["placement"] == {"CPUExecutionProvider": {"MatMul": 1, "Relu": 1}}
    assert description["nodes_elsewhere"] == []


def test_a_profiled_run_tells_the_placement_too(dense, x):
    with load_model(dense) as model:
        nodes = model.placement({"x": x})
    assert {node.operator for node in nodes} == {"MatMul", "Relu"}
    assert {node.provider for node in nodes} == {"CPUExecutionProvider"}


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model" * 40, random.Random(0).randbytes(500)],
    ids=["empty", "text", "noise"],
)
def test_a_file_that_is_no_model(tmp_path, content):
    file = tmp_path / "bad.onnx"
    file.write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"bad.onnx: onnxruntime cannot load it") as caught:
        load_model(file)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_a_typed_error_or_a_model(dense, tmp_path):
    whole = dense.read_bytes()
    file = tmp_path / "short.onnx"
    refused = 0
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        try:
            load_model(file).close()
        except ModelFormatError:
            refused += 1
    assert refused > 10


def test_a_file_that_is_not_there(dense):
    with pytest.raises(UsageError, match=r"there is no file .*close to it: dense.onnx"):
        load_model(dense.with_name("dens.onnx"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimization": "most"}, "optimization is one of disable, basic, extended, all"),
        ({"execution": "both"}, "execution is one of"),
        ({"provider": "rocm"}, "provider is one of"),
        ({"precision": "f16"}, "the model's own precision"),
        ({"device": "tpu"}, 'onnxruntime runs on "cpu"'),
        ({"device": "cuda:x"}, 'onnxruntime runs on "cpu"'),
        ({"device": "cpu:0"}, 'onnxruntime runs on "cpu"'),
    ],
)
def test_a_value_that_is_not_accepted(dense, changes, message):
    with pytest.raises(UsageError, match=message):
        load_model(dense, **changes)


@pytest.mark.parametrize("source", [object(), b"bytes", "model.txt"])
def test_what_is_no_onnx_file(source):
    with pytest.raises(UsageError, match=r"onnxruntime loads"):
        load_model(source, backend="onnxruntime")


def test_an_input_that_arrays_cannot_give(tmp_path):
    file = graph_file(
        tmp_path / "half.onnx",
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)],
        [("x", TensorProto.BFLOAT16, [2])],
        [("y", TensorProto.FLOAT, [2])],
    )
    with pytest.raises(ModelFormatError, match=r"'x' is a tensor\(bfloat16\)"):
        load_model(file)


def test_a_call_that_fails_inside(lookup):
    with load_model(lookup) as model, pytest.raises(InferenceError, match=r"the onnxruntime model"):
        model({"ids": np.array([99]), "scale": np.zeros(3, np.float32)})


def test_a_closed_session_is_let_go(dense, x):
    model = load_model(dense)
    model.close()
    assert model.session is None
    assert model.describe()["backend"] == "onnxruntime"
    with pytest.raises(UsageError, match=r"closed"):
        model.placement({"x": x})


def test_cuda_without_a_cuda_build(dense):
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this is a CUDA build of onnxruntime")
    with pytest.raises(BackendUnavailable, match=r"has no CUDAExecutionProvider.*onnxruntime-gpu"):
        load_model(dense, device="cuda")


def test_bound_memory_gives_the_same_answers(dense, lookup, x):
    """The lines for a device, with the CPU's memory as the device."""
    plan = load_model(lookup)._plan
    inputs = {"ids": np.array([2, 0]), "scale": np.ones(3, np.float32)[::-1]}
    model = DeviceSessionModel(ort, plan, memory="cpu")
    assert model.stages == ("h2d", "forward", "d2h")
    expected = load_model(lookup)(inputs)
    for name, array in model(inputs).items():
        np.testing.assert_array_equal(array, expected[name])
    assert model.describe()["stages"] == ["h2d", "forward", "d2h"]
    assert model.describe()["copies"] == "pageable"


def test_a_device_is_asked_for_alone_with_its_options(dense):
    plan = Plan(
        dense, "CUDAExecutionProvider", 1, None, None, None, "all", "sequential",
        {"use_tf32": 0}, allow_cpu_nodes=False,
    )  # fmt: skip
    assert plan._asked() == ("CUDAExecutionProvider", {"device_id": "1", "use_tf32": "0"})
    options = plan._session_options(ort)
    assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"


def test_the_demo_model():
    tokens = np.ones((1, 8), np.int64)
    with load_model(MODEL_FOLDER / "model.onnx", threads=1) as model:
        logits = model({"input_ids": tokens, "attention_mask": tokens})["logits"]
    assert logits.shape == (1, 2)
