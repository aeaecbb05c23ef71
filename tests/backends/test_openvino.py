from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from latprof.backends import openvino as backend
from latprof.backends.model import TensorSpec
from latprof.backends.registry import backends, load_model
from latprof.errors import BackendUnavailable, InferenceError, ModelFormatError, UsageError

from .conftest import WEIGHTS, relu

ov = pytest.importorskip("openvino")


def test_it_answers_as_the_arithmetic_does(dense, x):
    with load_model(dense, "openvino", threads=1) as model:
        assert model.stages == ("forward",)
        assert [str(spec) for spec in model.inputs] == ["x: float32 [?, 4]"]
        np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-5)
        assert model({"x": np.ones((7, 4), np.float32)})["y"].shape == (7, 3)


def test_precision_is_f32_unless_asked_and_is_reported(dense):
    with load_model(dense, "openvino", threads=1) as model:
        description = json.loads(json.dumps(model.describe()))
    assert description["precision"] == "f32"
    assert description["threads"] == {"intra": 1}
    assert description["asked"] == {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": "1",
    }


def test_streams_and_hint(dense):
    with load_model(dense, "openvino", hint="throughput", streams=1, precision="f32") as model:
        assert model.describe()["streams"] == 1
        assert model.describe()["asked"]["PERFORMANCE_HINT"] == "THROUGHPUT"


def test_several_inputs_and_outputs(lookup):
    ids, scale = np.array([0, 3]), np.array([1, 2, 3], np.float32)
    with load_model(lookup, "openvino", threads=1) as model:
        outputs = model({"scale": scale, "ids": ids})
    assert list(outputs) == ["row", "scaled"]
    np.testing.assert_allclose(outputs["scaled"], WEIGHTS[ids] * scale, rtol=1e-6)


def test_an_answer_outlives_the_next_call(dense, x):
    with load_model(dense, "openvino", threads=1) as model:
        first = model({"x": x})["y"]
        model({"x": x + 1})
        np.testing.assert_allclose(first, relu(x), rtol=1e-5)


def test_threads_do_not_share_a_request(dense):
    wrong = []

    def call(number):
        x = np.full((1, 4), number, np.float32)
        for _ in range(50):
            answer = model({"x": x})["y"]
            if not np.allclose(answer, relu(x), rtol=1e-5):
                wrong.append(answer)

    with load_model(dense, "openvino", threads=1) as model:
        threads = [threading.Thread(target=call, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@pytest.mark.parametrize("content", [b"", b"not a model" * 40])
@pytest.mark.parametrize("name", ["bad.onnx", "bad.xml"])
def test_a_file_that_is_no_model(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ModelFormatError, match=f"{name}: openvino cannot read it") as caught:
        load_model(file, "openvino")
    assert "\n" not in str(caught.value)


def test_what_openvino_cannot_compile(dense):
    with pytest.raises(BackendUnavailable, match=r"openvino cannot compile .*dense.onnx"):
        backend._compiled(ov, dense, {"NO_SUCH_PROPERTY": "1"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "int4"}, "precision is one of f32"),
        ({"hint": "speed"}, "hint is one of"),
        ({"streams": 0}, "streams is a whole number"),
        ({"strems": 1}, "did you mean 'streams'"),
    ],
)
def test_a_value_that_is_not_accepted(dense, changes, message):
    with pytest.raises(UsageError, match=message):
        load_model(dense, "openvino", **changes)


def test_a_device_that_is_not_here(dense):
    with pytest.raises(BackendUnavailable, match=r"cannot use 'cuda' here: no such device"):
        load_model(dense, "openvino", device="cuda")


def test_a_call_that_fails_inside(dense, x):
    with load_model(dense, "openvino") as model:
        model._local.request = None
        model.compiled = None
        with pytest.raises(InferenceError, match=r"the openvino model failed"):
            model({"x": x})


def test_inputs_of_any_rank_and_ports_without_names():
    port = SimpleNamespace(
        names=set(),
        element_type=ov.Type.f32,
        partial_shape=ov.PartialShape.dynamic(),
    )
    assert backend._spec(port, "m.xml") == TensorSpec("output_0", np.dtype("float32"))


def test_an_input_that_arrays_cannot_give():
    port = SimpleNamespace(names={"x"}, any_name="x", element_type=ov.Type.dynamic)
    with pytest.raises(ModelFormatError, match=r"m.xml: its input 'x' is dynamic"):
        backend._spec(port, "m.xml")


def test_its_status():
    assert backends()["openvino"].usable == ("cpu",)
