from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from latprof.selftest import environment
from latprof.selftest.nvml import Gpu
from latprof.selftest.outcome import State

from . import nvml_double

onnxruntime = pytest.importorskip("onnxruntime")


def bench(facts):
    return SimpleNamespace(device=SimpleNamespace(name="cuda:0", facts=facts, uuid=lambda: "abc"))


def test_versions_and_reasons_are_told_as_plain_data():
    found = environment.environment()
    assert json.loads(json.dumps(found, default=str))
    assert "onnxruntime" in found["packages"]
    assert set(found["backends"]) >= {"onnxruntime", "openvino", "tensorrt", "torch"}
    assert set(found["provider_libraries"]) == {"cuda", "tensorrt"}


def test_libraries_of_providers_are_loaded_to_see_whether_they_do(monkeypatch, tmp_path):
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / "libonnxruntime_providers_cuda.so").touch()
    monkeypatch.setattr(onnxruntime, "__file__", str(tmp_path / "__init__.py"))
    shared = Path(environment.ctypes.__file__)  # stands for any library that loads
    monkeypatch.setattr(environment.ctypes, "CDLL", lambda *_: shared)
    assert environment.provider_libraries(lambda _: None)["cuda"] == "loads"

    def refuse(_):
        raise OSError("libcublasLt.so.13: cannot open shared object file")

    found = environment.provider_libraries(refuse)
    assert found["cuda"] == "libcublasLt.so.13: cannot open shared object file"
    assert "pip install onnxruntime-gpu" in found["tensorrt"]


def test_the_gpu_is_named_with_driver_and_clocks():
    facts = {"name": "GPU X", "cuda": "13.0", "uuid": "abc"}
    outcome = environment.known(
        bench(lambda: dict(facts)), lambda uuid: Gpu(uuid, nvml_double.make())
    )
    assert outcome.state is State.PASS
    assert outcome.finding == "GPU X, driver 999.1, CUDA 13.0"
    assert outcome.measured["sm_mhz"] == 1410


def test_without_nvml_it_says_what_is_missing():
    facts = {"name": "GPU X", "cuda": "13.0"}
    outcome = environment.known(
        bench(lambda: dict(facts)), lambda _: Gpu("other", nvml_double.make())
    )
    assert outcome.state is State.PASS
    assert outcome.finding == "GPU X, driver unknown, CUDA 13.0"
    assert "no clocks, power or temperature: NVML does not know" in outcome.warnings[0]


def test_a_device_that_torch_does_not_describe_is_a_skip():
    def refuse():
        raise RuntimeError("no such device")

    assert environment.known(bench(refuse)).state is State.SKIP
