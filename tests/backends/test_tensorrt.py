from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

import latprof as lp
from latprof.errors import (
    BackendUnavailable,
    BuildFailed,
    InferenceError,
    ModelFormatError,
    UsageError,
)

from .conftest import WEIGHTS, graph_file, relu

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from .gpu_double import BATCHES, Recycling, Stream, engine_model  # noqa: E402 - both needed

MAJORS = pytest.mark.parametrize("major", [10, 11])


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """`at = nonzero(x)`, as many columns as the data has."""
    return graph_file(
        tmp_path_factory.mktemp("places") / "places.onnx",
        [helper.make_node("NonZero", ["x"], ["at"], name="places")],
        [("x", TensorProto.FLOAT, ["n"])],
        [("at", TensorProto.INT64, [1, "found"])],
    )


@pytest.fixture(scope="module")
def reshaped(tmp_path_factory):
    """`y = reshape(x, sizes)`: an input that holds a shape."""
    return graph_file(
        tmp_path_factory.mktemp("reshaped") / "reshaped.onnx",
        [helper.make_node("Reshape", ["x", "sizes"], ["y"], name="reshape")],
        [("x", TensorProto.FLOAT, [6]), ("sizes", TensorProto.INT64, [2])],
        [("y", TensorProto.FLOAT, [2, 3])],
    )


@MAJORS
def test_an_onnx_file_is_built_and_run_in_three_stages(dense, x, major):
    stream = Stream()
    model, trt = engine_model(dense, major=major, stream=stream, profiles=(BATCHES,))
    assert trt.flags == (2 if major == 10 else 1)
    assert model.stages == ("h2d", "forward", "d2h")
    assert [str(spec) for spec in model.inputs] == ["x: float32 [?, 4]"]
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


def test_stages_issue_and_only_the_last_waits(dense, x):
    stream = Stream()
    model, _ = engine_model(dense, stream=stream, profiles=(BATCHES,))
    execution = model.h2d({"x": x})
    outputs = model.forward(execution)
    assert stream.waits == 0
    np.testing.assert_allclose(model.d2h(outputs)["y"], relu(x), rtol=1e-6)
    assert stream.waits == 1
    assert stream.clock().stages == 3


def test_memory_in_flight_is_waited_for_before_it_is_written(dense, x):
    stream = Stream()
    model, _ = engine_model(dense, stream=stream, profiles=(BATCHES,))
    model.h2d({"x": x})
    assert stream.waits == 0
    model.h2d({"x": -x})
    assert stream.waits == 1


def test_buffers_are_bound_anew_only_where_shapes_change(dense, x):
    model, trt = engine_model(dense, profiles=(BATCHES,))
    first = model({"x": x})["y"]
    model({"x": -x[:, ::-1]})
    assert trt.reshapes == 1
    assert model({"x": x[:1]})["y"].shape == (1, 3)
    assert trt.reshapes == 2
    np.testing.assert_allclose(first, relu(x), rtol=1e-6)


def test_several_inputs_and_outputs(lookup):
    model, _ = engine_model(lookup, profiles=({"ids": ((1,), (2,), (4,))},))
    ids, scale = np.array([0, 3]), np.array([1, 2, 3], np.float32)
    np.testing.assert_allclose(model({"ids": ids, "scale": scale})["scaled"], WEIGHTS[ids] * scale)


def test_an_empty_input_has_an_address(dense, x):
    model, _ = engine_model(dense, profiles=({"x": ((0, 4), (2, 4), (8, 4))},))
    assert model({"x": x[:0]})["y"].shape == (0, 3)


# ------------------------------------------------------------------ shapes


@MAJORS
def test_a_call_runs_on_the_first_profile_that_holds_its_shapes(dense, x, major):
    small = {"x": ((1, 4), (1, 4), (1, 4))}
    model, trt = engine_model(dense, major=major, profiles=(small, BATCHES))
    for batch in (x, x[:1]):
        np.testing.assert_allclose(model({"x": batch})["y"], relu(batch), rtol=1e-6)
    assert trt.profiles_used == [1, 0]
    with pytest.raises(InferenceError, match=r"none of the engine's 2 profiles holds x \[9, 4\]"):
        model({"x": np.ones((9, 4), np.float32)})
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


@MAJORS
def test_an_input_that_holds_a_shape_is_read_on_the_host(reshaped, major):
    values = ((1, 1), (2, 3), (6, 6))
    model, trt = engine_model(
        reshaped, major=major, on_host=("sizes",), profiles=({"sizes": values},)
    )
    assert trt.config.profiles[0].values == {"sizes": values}
    vector, sizes = np.arange(6, dtype=np.float32), np.array([2, 3])
    for _ in range(2):
        np.testing.assert_array_equal(
            model({"x": vector, "sizes": sizes})["y"], vector.reshape(2, 3)
        )
    assert trt.host_values == [[2, 3]]
    model({"x": vector, "sizes": np.array([2, -1])})  # other values, the same shapes
    assert trt.host_values == [[2, 3], [2, -1]]


@MAJORS
def test_an_output_sized_by_the_data_comes_whole(places, major):
    model, _ = engine_model(places, major=major, profiles=({"x": ((1,), (4,), (99,))},))
    for data in ([0, 1, 2], [0, 0, 0], [1] * 90, [3]):
        array = np.array(data, np.float32)
        np.testing.assert_array_equal(model({"x": array})["at"], [np.flatnonzero(array)])


@pytest.mark.parametrize(
    ("fault", "message"),
    [("allocator", "takes no allocator for 'at'"), ("no allocation", "without asking for memory")],
)
def test_an_allocator_that_is_not_taken_or_not_asked(places, fault, message):
    model, _ = engine_model(places, fault, profiles=({"x": ((1,), (4,), (99,))},))
    with pytest.raises(InferenceError, match=message):
        model({"x": np.ones(3, np.float32)})


def test_no_memory_for_an_output_is_told_though_tensorrt_swallows_it(places, monkeypatch):
    model, _ = engine_model(places, profiles=({"x": ((1,), (4,), (99,))},))
    execution = model.h2d({"x": np.ones(3, np.float32)})

    def full(size_bytes):
        raise RuntimeError("out of\nmemory")

    memory = execution._binding._grown["at"]
    monkeypatch.setattr(memory, "_empty", full)
    with pytest.raises(InferenceError, match=r"cannot enqueue: out of memory"):
        model.forward(execution)


def test_memory_for_an_output_that_is_not_aligned_is_told(places):
    model, _ = engine_model(places, profiles=({"x": ((1,), (4,), (99,))},))
    memory = model.h2d({"x": np.ones(3, np.float32)})._binding._grown["at"]
    assert memory.reallocate_output("at", 0, 8, 1 << 60) == 0
    assert memory.problem == f"memory for 'at' is not aligned to {1 << 60} bytes"


# ------------------------------------------------------------------ lifetimes


@MAJORS
def test_no_tensor_is_let_go_before_its_use(lookup, major):
    memory = Recycling()
    model, _ = engine_model(
        lookup, major=major, memory=memory, profiles=({"ids": ((1,), (2,), (4,))},)
    )
    scale = np.array([1, 2, 3], np.float32)
    for ids in (np.array([0, 3]), np.array([1]), np.array([3, 2, 1, 0])[::-1]):
        out = model({"ids": ids, "scale": scale})
        np.testing.assert_allclose(out["scaled"], WEIGHTS[ids] * scale, rtol=1e-6)
        np.testing.assert_allclose(out["row"], WEIGHTS[ids], rtol=1e-6)
    assert memory.freed  # of shapes that went


def test_the_double_shows_a_tensor_that_was_let_go(dense, x):
    memory = Recycling()
    model, _ = engine_model(dense, memory=memory, profiles=(BATCHES,))
    execution = model.h2d({"x": x})
    execution._binding._buffers.pop("x")  # what a temporary copy would be
    answer = model.d2h(model.forward(execution))["y"]
    assert not np.allclose(answer, relu(x))


# ------------------------------------------------------------------ graph


@MAJORS
def test_calls_replay_a_graph(dense, x, major):
    stream = Stream()
    model, _ = engine_model(dense, major=major, stream=stream, cuda_graph=True, profiles=(BATCHES,))
    assert model.describe()["cuda_graph"]["on"] is False
    for batch in (x, -x, x[:1]):
        np.testing.assert_allclose(model({"x": batch})["y"], relu(batch), rtol=1e-6)
    assert (stream.captures, stream.replays) == (2, 3)
    assert model.describe()["cuda_graph"] == {"asked": True, "on": True, "reason": "on"}


def test_a_graph_is_captured_after_a_run_of_the_same_shapes_is_over(dense, x):
    log = []
    stream = Stream(lambda: log.append(f"capture after {stream.waits} waits"))
    model, trt = engine_model(dense, stream=stream, cuda_graph=True, profiles=(BATCHES,))
    trt.on_enqueue = lambda: log.append("enqueue")
    execution = model.h2d({"x": x})
    assert log == ["enqueue", "capture after 1 waits", "enqueue"]
    model.d2h(model.forward(execution))
    assert (stream.captures, stream.replays, len(log)) == (1, 1, 4)


def test_a_capture_that_fails_leaves_calls_and_a_reason(dense, x):
    trt, stream = None, Stream(lambda: trt.faults.add("enqueue"))
    model, trt = engine_model(dense, stream=stream, cuda_graph=True, profiles=(BATCHES,))
    execution = model.h2d({"x": x})
    trt.faults.clear()
    np.testing.assert_allclose(model.d2h(model.forward(execution))["y"], relu(x), rtol=1e-6)
    graph = model.describe()["cuda_graph"]
    assert (graph["asked"], graph["on"]) == (True, False)
    assert graph["reason"] == "capture failed: TensorRT cannot enqueue: enqueue failed"
    assert stream.replays == 0


def test_a_capture_that_cuda_refuses(dense, x):
    def refuse():
        raise RuntimeError("operation not permitted when stream is capturing")

    model, _ = engine_model(dense, stream=Stream(refuse), cuda_graph=True, profiles=(BATCHES,))
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
    assert "not permitted" in model.describe()["cuda_graph"]["reason"]


def test_an_output_sized_by_the_data_is_not_captured(places):
    stream = Stream()
    model, _ = engine_model(
        places, stream=stream, cuda_graph=True, profiles=({"x": ((1,), (4,), (99,))},)
    )
    assert model({"x": np.ones(3, np.float32)})["at"].shape == (1, 3)
    assert stream.captures == 0
    assert "depends on the data" in model.describe()["cuda_graph"]["reason"]


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("driver", BackendUnavailable, "no usable GPU or driver"),
        ("runtime", BackendUnavailable, "no usable GPU or driver"),
        ("build", BuildFailed, "cannot build an engine of .*: no kernel fits$"),
        ("deserialize", BuildFailed, "cannot load the engine: Magic tag does not match"),
        ("context", BackendUnavailable, "no memory for an execution context"),
    ],
)
@MAJORS
def test_loading_fails_with_a_typed_error(dense, fault, error, message, major):
    with pytest.raises(error, match=message):
        engine_model(dense, fault, major=major, profiles=(BATCHES,))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"takes no \[2, 4\] as 'x'"),
        ("infer", "cannot tell its shapes without ids"),
        ("infer raises", "cannot infer shapes: shape inference failed"),
        ("address", "takes no address for 'x'"),
        ("enqueue", "cannot enqueue: enqueue failed"),
        ("profile", "cannot switch to profile 0"),
    ],
)
def test_a_call_fails_with_a_typed_error_and_the_next_one_works(dense, x, fault, message):
    model, trt = engine_model(dense, fault, profiles=(BATCHES, BATCHES))
    with pytest.raises(InferenceError, match=message):
        model({"x": x})
    trt.faults.clear()
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


def test_shapes_that_fail_leave_nothing_of_the_ones_before(dense, x):
    model, trt = engine_model(dense, profiles=(BATCHES,))
    model({"x": x})
    trt.faults.add("address")
    with pytest.raises(InferenceError, match=r"takes no address"):
        model({"x": x[:1]})
    trt.faults.clear()
    np.testing.assert_allclose(model({"x": -x})["y"], relu(-x), rtol=1e-6)


def test_stages_out_of_order(dense):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    with pytest.raises(InferenceError, match=r"no inputs to run on: put them first"):
        model._execution.enqueue()


def test_half_precision_outputs_of_the_graph(tmp_path, x):
    file = graph_file(
        tmp_path / "half.onnx",
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)],
        [("x", TensorProto.FLOAT, [2, 4])],
        [("y", TensorProto.FLOAT16, [2, 4])],
    )
    model, _ = engine_model(file)
    assert model({"x": x})["y"].dtype == np.float16


@pytest.mark.parametrize(
    ("element", "message"),
    [(TensorProto.BFLOAT16, "'x' is bf16"), (TensorProto.UINT32, "'x' is FP8: not supported")],
)
def test_inputs_that_arrays_or_torch_cannot_give(tmp_path, element, message):
    file = graph_file(
        tmp_path / "other.onnx",
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)],
        [("x", element, [2])],
        [("y", TensorProto.FLOAT, [2])],
    )
    with pytest.raises(ModelFormatError, match=message):
        engine_model(file)


def test_brain_floats_come_back_as_floats(dense):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    arrays = model._execution.arrays({"y": torch.ones(2, dtype=torch.bfloat16)})
    assert arrays["y"].dtype == np.float32


def test_memory_that_is_not_aligned_is_refused(dense, x):
    class Odd(Recycling):
        def empty(self, shape, dtype, device):
            from types import SimpleNamespace

            return SimpleNamespace(data_ptr=lambda: 8, device=SimpleNamespace(type="cuda"))

    model, _ = engine_model(dense, memory=Odd(), profiles=(BATCHES,))
    with pytest.raises(InferenceError, match=r"is not aligned to 256 bytes"):
        model({"x": x})


def test_a_closed_model_lets_go_and_refuses(dense, x, tmp_path):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    model.close()
    for use in (model, model.h2d, model.layers):
        with pytest.raises(UsageError, match=r"closed"):
            use({"x": x})
    with pytest.raises(UsageError, match=r"closed"):
        model.profiling(tmp_path)
    assert model.describe()["backend"] == "tensorrt"


def test_profiling_it_times_the_stages(dense, x):
    model, _ = engine_model(dense, profiles=(BATCHES,))
    run = lp.profile(model, [{"x": x}] * 3, warmup=0, progress=False, signals=False)
    assert run.stages == ["h2d", "forward", "d2h"]


def test_it_describes_itself_in_plain_data(dense):
    model, _ = engine_model(dense, profiles=(BATCHES, BATCHES))
    description = json.loads(json.dumps(model.describe()))
    assert description["profiles"] == 2
    assert description["timing"] == "by the test"
    assert description["cuda_graph"] == {"asked": False, "on": False, "reason": "off"}
