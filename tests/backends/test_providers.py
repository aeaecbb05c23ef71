"""What the real CUDA build of ONNX Runtime does where CUDA does not load, call by call.

This is why latprof asks for providers as it does: `latprof.backends.fallback` tells the rules. Of
the plain `onnxruntime` there is nothing to see here; `make test-gpu-contract` has the other.
"""

from __future__ import annotations

import numpy as np
import pytest

from latprof.backends import onnxruntime as backend
from latprof.backends.registry import load_model
from latprof.backends.runtime import nvidia_driver_problem
from latprof.backends.session import without_waiting
from latprof.errors import BackendUnavailable, FallbackDetected

ort = pytest.importorskip("onnxruntime")

CPU, CUDA, TRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))
FORBID = {"session.disable_cpu_ep_fallback": "1"}

if CUDA not in ort.get_available_providers():
    pytest.skip("needs onnxruntime-gpu: make test-gpu-contract has it", allow_module_level=True)
if nvidia_driver_problem() is None:
    pytest.skip("there is a driver here", allow_module_level=True)


def session(file, providers, entries=(), **options):
    asked = ort.SessionOptions()
    asked.log_severity_level = 4
    for name, value in dict(entries).items():
        asked.add_session_config_entry(name, value)
    return ort.InferenceSession(str(file), asked, providers=providers, **options)


def test_providers_are_listed_though_none_loads():
    assert ort.get_available_providers() == [TRT, CUDA, CPU]


@pytest.mark.parametrize("providers", [[CUDA], [CUDA, CPU], [(CUDA, {"bogus": "1"})]])
@pytest.mark.parametrize("options", [{}, {"enable_fallback": 0}])
def test_cuda_becomes_cpu_without_a_warning(dense, providers, options):
    made = session(dense, providers, **options)  # a warning would be an error here
    assert made.get_providers() == [CPU]


def test_disabling_fallback_afterwards_changes_nothing(dense):
    made = session(dense, [CUDA])
    made.disable_fallback()
    assert made.get_providers() == [CPU]
    assert made.run(None, {"x": np.ones((1, 4), np.float32)})


def test_tensorrt_falls_back_in_print_only(dense, capsys):
    assert session(dense, [TRT, CUDA]).get_providers() == [CPU]
    assert "EP Error" in capsys.readouterr().out


@pytest.mark.parametrize("providers", [[TRT], [TRT, CUDA]])
def test_tensorrt_without_fallback_is_an_error(dense, providers):
    with pytest.raises(RuntimeError, match=r"Please install TensorRT libraries"):
        session(dense, providers, enable_fallback=0)


def test_forbidding_the_cpu_is_what_helps(dense):
    with pytest.raises(Exception, match=r"assigned to the default CPU EP"):
        session(dense, [CUDA], FORBID)


def test_naming_the_cpu_beside_contradicts_that(dense):
    with pytest.raises(Exception, match=r"Conflicting session configuration"):
        session(dense, [CUDA, CPU], FORBID)


def test_keys_that_do_not_exist_are_taken(dense):
    assert session(dense, [CPU], {"session.no_such_key": "1"}).get_providers() == [CPU]


def test_no_value_is_made_on_a_device_that_is_not_there():
    with pytest.raises(RuntimeError):
        ort.OrtValue.ortvalue_from_numpy(np.ones(2, np.float32), "cuda", 0)


def test_a_run_may_be_asked_not_to_wait(dense):
    inputs = {"x": np.ones((1, 4), np.float32)}
    (answer,) = session(dense, [CPU]).run(None, inputs, without_waiting(ort))
    assert answer.shape == (1, 3)


# ------------------------------------------------------------------ and what latprof makes of it


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_without_a_driver_it_says_so(dense, provider):
    with pytest.raises(BackendUnavailable, match=r"no NVIDIA driver"):
        load_model(dense, device="cuda", provider=provider)


@pytest.fixture
def driver(monkeypatch):
    """Let there be a driver as far as latprof can tell; CUDA's libraries still do not load."""
    monkeypatch.setattr(backend, "nvidia_driver_problem", lambda: None)
    monkeypatch.setattr(backend, "_preload", lambda runtime, provider: None)


@pytest.mark.parametrize("options", [{}, {"allow_cpu_nodes": True}, {"provider_options": {"a": 1}}])
def test_a_cuda_session_that_would_be_on_the_cpu_is_refused(dense, driver, options):
    with pytest.raises(FallbackDetected):
        load_model(dense, device="cuda", **options)


@pytest.mark.parametrize("allow_cpu_nodes", [False, True])
def test_a_tensorrt_session_that_does_not_load_is_refused(dense, driver, allow_cpu_nodes):
    with pytest.raises(BackendUnavailable, match=r"TensorrtExecutionProvider cannot be set up"):
        load_model(dense, device="cuda", provider="tensorrt", allow_cpu_nodes=allow_cpu_nodes)
