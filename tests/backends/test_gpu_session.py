"""ONNX Runtime on a stream, with the CPU's memory as the device's and a double as the stream."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from latprof.backends import onnxruntime as backend
from latprof.backends import runtime as runtime_module
from latprof.backends.registry import load_model
from latprof.errors import BackendUnavailable, UsageError

torch = pytest.importorskip("torch")
ort = pytest.importorskip("onnxruntime")
from latprof.backends.gpu import session as session_module  # noqa: E402 - it needs neither
from latprof.backends.gpu.session import StreamSessionModel  # noqa: E402

from .gpu_double import Stream  # noqa: E402 - it needs both

CUDA = "CUDAExecutionProvider"


@pytest.fixture
def made(lookup):
    stream = Stream()
    place = torch.device("cpu")
    return StreamSessionModel(ort, load_model(lookup)._plan, torch, place, stream, "cpu"), stream


@pytest.fixture
def inputs():
    return {"ids": np.array([2, 0]), "scale": np.ones(3, np.float32)[::-1]}


def test_it_gives_the_same_answers(made, lookup, inputs):
    expected = load_model(lookup)(inputs)
    for name, array in made[0](inputs).items():
        np.testing.assert_array_equal(array, expected[name])


def test_stages_issue_and_only_the_last_waits(made, inputs):
    model, stream = made
    outputs = model.forward(model.h2d(inputs))
    assert stream.waits == 0
    assert model.d2h(outputs)["row"].shape == (2, 3)
    assert stream.waits == 1
    assert stream.clock().stages == 2
    assert model.describe()["timing"].startswith("by the test")
    assert model.describe()["copies"] == "inputs pinned, outputs pageable"


def test_inputs_live_until_the_run_is_over(made, inputs):
    model, _ = made
    _, held = model.h2d(inputs)
    assert {tensor.data_ptr() for pair in held for tensor in pair}


def test_the_session_is_asked_for_on_the_stream(made):
    model, stream = made
    assert model._plan.provider_options == {"user_compute_stream": stream.handle}
    # The CPU's provider has no such option, and that is told.
    assert model.describe()["options_not_taken"] == {"user_compute_stream": "7"}


def test_load_makes_it_of_torch(dense, monkeypatch):
    monkeypatch.setattr(backend, "require_provider", lambda runtime, wanted: None)
    monkeypatch.setattr(runtime_module.Runtime, "require_device", lambda *_: None)
    monkeypatch.setattr(backend, "_preload", lambda runtime, wanted: None)
    with pytest.raises(BackendUnavailable, match=r"torch has no stream for async_run: .*; leave"):
        load_model(dense, device="cuda", async_run=True)
    stream = Stream()
    monkeypatch.setattr(session_module, "CudaStream", lambda torch, place: stream)
    monkeypatch.setattr(session_module, "StreamSessionModel", lambda *given: given)
    _, plan, _, place, given = load_model(dense, device="cuda:1", async_run=True)
    assert (plan.provider, str(place), given) == (CUDA, "cuda:1", stream)


def test_on_the_cpu_there_is_nothing_to_wait_for(dense):
    with pytest.raises(UsageError, match=r"async_run is for device=\"cuda\""):
        load_model(dense, async_run=True)


def test_options_are_compared_as_read_back(dense):
    class Session:
        def get_provider_options(self):
            return {CUDA: {"use_tf32": "0", "cudnn_conv_algo_search": "EXHAUSTIVE", "x": "1"}}

    asked = {"use_tf32": False, "cudnn_conv_algo_search": "HEURISTIC", "x": 1, "bogus": 2}
    plan = dataclasses.replace(load_model(dense)._plan, provider=CUDA, provider_options=asked)
    told = backend.provider_options(Session(), plan)
    assert told["options_not_taken"] == {"cudnn_conv_algo_search": "HEURISTIC", "bogus": "2"}
    assert told["tf32"] is False
