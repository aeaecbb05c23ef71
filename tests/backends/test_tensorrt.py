from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper

import latprof as lp
from latprof.backends import runtime as runtime_module
from latprof.backends import tensorrt as backend
from latprof.backends.gpu.cuda import CudaStream
from latprof.backends.gpu.engine import Recipe, journal
from latprof.backends.registry import backends, load_model
from latprof.backends.tensorrt import EngineModel
from latprof.errors import (
    BackendUnavailable,
    BuildFailed,
    InferenceError,
    MissingDependencyError,
    ModelFormatError,
    UsageError,
)

from .conftest import WEIGHTS, graph_file, relu

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from . import tensorrt_double  # noqa: E402 - it needs onnxruntime

BATCHES = {"x": ((1, 4), (2, 4), (8, 4))}


class Stream:
    handle = 7

    def __init__(self):
        self.waits = 0

    def current(self):
        return contextlib.nullcontext()

    def synchronize(self):
        self.waits += 1


def recipe(file, **changes):
    made = {"shapes": {}, "workspace_bytes": None, "tf32": True, "timing_cache": None} | changes
    return Recipe(file, **made)


def engine_model(file, *faults, major=11, stream=None, **changes):
    trt = tensorrt_double.make(major, *faults)
    trt.journal = journal(trt)
    made = recipe(file, **changes)
    return EngineModel(torch, trt, made, torch.device("cpu"), stream or Stream()), trt


@pytest.mark.parametrize("major", [10, 11])
def test_an_onnx_file_is_built_and_run_in_three_stages(dense, x, major):
    stream = Stream()
    model, trt = engine_model(dense, major=major, stream=stream, shapes=BATCHES)
    assert trt.flags == (2 if major == 10 else 1)
    assert model.stages == ("h2d", "forward", "d2h")
    assert [str(spec) for spec in model.inputs] == ["x: float32 [?, 4]"]
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
    assert stream.waits == 2


def test_buffers_are_bound_anew_only_where_shapes_change(dense, x):
    model, trt = engine_model(dense, shapes=BATCHES)
    first = model({"x": x})["y"]
    model({"x": -x[:, ::-1]})
    assert trt.reshapes == 1
    assert model({"x": x[:1]})["y"].shape == (1, 3)
    assert trt.reshapes == 2
    np.testing.assert_allclose(first, relu(x), rtol=1e-6)


def test_several_inputs_and_outputs(lookup):
    model, _ = engine_model(lookup)
    ids, scale = np.array([0, 3]), np.array([1, 2, 3], np.float32)
    np.testing.assert_allclose(model({"ids": ids, "scale": scale})["scaled"], WEIGHTS[ids] * scale)


def test_the_build_is_configured_as_asked(dense, tmp_path):
    cache = tmp_path / "timings"
    cache.write_bytes(b"old")
    model, trt = engine_model(
        dense, shapes=BATCHES, workspace_bytes=1 << 20, tf32=False, timing_cache=cache
    )
    assert trt.config.profiling_verbosity is trt.ProfilingVerbosity.DETAILED
    assert trt.config.cleared == [trt.BuilderFlag.TF32]
    assert trt.config.workspace == 1 << 20
    assert trt.config.profiles[0].shapes == BATCHES
    assert cache.read_bytes() == b"old+"
    description = json.loads(json.dumps(model.describe()))
    assert description["tf32"] is False
    assert description["shapes"] == {"x": [[1, 4], [2, 4], [8, 4]]}


def test_a_new_timing_cache_is_written(dense, tmp_path):
    engine_model(dense, timing_cache=tmp_path / "timings")
    assert (tmp_path / "timings").read_bytes() == b"+"


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("driver", BackendUnavailable, "no usable GPU or driver"),
        ("build", BuildFailed, "cannot build an engine of .*: no kernel fits$"),
        ("deserialize", BuildFailed, "cannot load the engine.*: it does not say why"),
        ("context", BackendUnavailable, "no memory for an execution context"),
        ("host", ModelFormatError, "'x' holds a shape, on the host"),
    ],
)
def test_loading_fails_with_a_typed_error(dense, fault, error, message):
    with pytest.raises(error, match=message):
        engine_model(dense, fault)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"takes no \[2, 4\] as 'x'"),
        ("infer", "cannot tell its shapes without ids"),
        ("data-dependent", "the size of 'y' depends on the data"),
        ("address", "takes no address for 'x'"),
        ("enqueue", "cannot enqueue: enqueue failed"),
    ],
)
def test_a_call_fails_with_a_typed_error_and_the_next_one_works(dense, x, fault, message):
    model, trt = engine_model(dense, fault)
    with pytest.raises(InferenceError, match=message):
        model({"x": x})
    trt.faults.clear()
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"junk" * 9)
    with pytest.raises(ModelFormatError, match=r"bad.onnx: TensorRT cannot parse it: model: "):
        engine_model(tmp_path / "bad.onnx")


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
    model, _ = engine_model(dense)
    tensor = torch.ones(2, dtype=torch.bfloat16)
    assert model._execution._array(tensor).dtype == np.float32


def test_memory_that_is_not_aligned_is_refused(dense, x):
    model, _ = engine_model(dense)
    odd = SimpleNamespace(data_ptr=lambda: 8, device=SimpleNamespace(type="cuda"))
    model._execution._torch = SimpleNamespace(empty=lambda *_, **__: odd, float32=None)
    with pytest.raises(InferenceError, match=r"is not aligned to 256 bytes"):
        model({"x": x})


def test_a_closed_model_lets_go_and_refuses(dense, x):
    model, _ = engine_model(dense)
    model.close()
    with pytest.raises(UsageError, match=r"closed"):
        model({"x": x})
    with pytest.raises(UsageError, match=r"closed"):
        model.h2d({"x": x})
    assert model.describe()["backend"] == "tensorrt"


def test_profiling_it_times_the_stages(dense, x):
    model, _ = engine_model(dense)
    run = lp.profile(model, [{"x": x}] * 3, warmup=0, progress=False, signals=False)
    assert run.stages == ["h2d", "forward", "d2h"]


def test_the_stream_is_the_one_given_to_torch():
    stream = SimpleNamespace(cuda_stream=99, synchronize=lambda: waits.append(1))
    waits = []
    cuda = SimpleNamespace(Stream=lambda device: stream, stream=contextlib.nullcontext)
    made = CudaStream(SimpleNamespace(cuda=cuda), "cuda:1")
    with made.current() as current:
        assert current is stream
    made.synchronize()
    assert (made.handle, waits) == (99, [1])


# ------------------------------------------------------------------ load


@pytest.fixture
def installed(monkeypatch):
    """Let tensorrt be installed, and torch reach a GPU or not."""
    trt = tensorrt_double.make(11)
    trt.journal = journal(trt)
    monkeypatch.setitem(runtime_module.importlib.sys.modules, "tensorrt", trt)

    def reach(build, *, available):
        cuda = SimpleNamespace(is_available=lambda: available)
        fake = SimpleNamespace(
            version=SimpleNamespace(cuda=build),
            __version__="2.13",
            cuda=cuda,
            device=lambda _: torch.device("cpu"),
            **{
                name: getattr(torch, name)
                for name in ("empty", "float32", "from_numpy", "bfloat16")
            },
        )
        monkeypatch.setattr(backend, "_TORCH", SimpleNamespace(load=lambda: fake))
        monkeypatch.setattr(backend, "CudaStream", lambda torch, device: Stream())

    return reach


def test_with_a_gpu_it_loads(installed, dense, x):
    installed("13.0", available=True)
    assert backends()["tensorrt"].usable == ("cuda",)
    with load_model(dense, "tensorrt", device="cuda", shapes=BATCHES) as model:
        np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)


def test_a_gpu_of_a_number_that_is_not_there(installed, dense, monkeypatch):
    def refuse(torch, device):
        raise RuntimeError("invalid device ordinal")

    installed("13.0", available=True)
    monkeypatch.setattr(backend, "CudaStream", refuse)
    with pytest.raises(BackendUnavailable, match=r"cannot use 'cuda:9': invalid device ordinal"):
        load_model(dense, "tensorrt", device="cuda:9")


@pytest.mark.parametrize(
    ("build", "message"),
    [(None, "is built without CUDA"), ("13.0", "NVIDIA driver|no CUDA device")],
)
def test_without_a_gpu_it_says_why(installed, dense, build, message):
    installed(build, available=False)
    with pytest.raises(BackendUnavailable, match=message):
        load_model(dense, "tensorrt", device="cuda")
    status = backends()["tensorrt"]
    assert status.state == "installed, unusable"
    assert status.reason


def test_without_tensorrt_it_gives_the_pip_line(dense):
    if runtime_module.importlib.util.find_spec("tensorrt"):
        pytest.skip("tensorrt is installed")
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[tensorrt\]"'):
        load_model(dense, "tensorrt", device="cuda")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cpu"}, 'say device="cuda"'),
        ({"precision": "f16"}, "the model's own precision"),
        ({"threads": 2}, "no threads to choose"),
        ({"shapes": {"x": ((1, 4), (8, 4))}}, "smallest, most usual and largest"),
        ({"shapes": {"x": ((8, 4), (1, 4), (9, 4))}}, "smallest, most usual and largest"),
        ({"shapes": {"x": ((8, 4), (8,), (9, 4))}}, "smallest, most usual and largest"),
    ],
)
def test_a_value_that_is_not_accepted(dense, changes, message):
    with pytest.raises(UsageError, match=message):
        load_model(dense, "tensorrt", **({"device": "cuda"} | changes))
