from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from latprof.backends import runtime as runtime_module
from latprof.backends import tensorrt as backend
from latprof.backends.registry import backends, load_model
from latprof.errors import (
    BackendUnavailable,
    MissingDependencyError,
    ModelFormatError,
    UsageError,
)

from .conftest import relu

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from .gpu_double import BATCHES, Stream, double  # noqa: E402 - it needs both


@pytest.fixture
def installed(monkeypatch):
    """Let tensorrt be installed, and torch reach a GPU or not."""

    def reach(build="13.0", *, available=True, major=11):
        trt = double(major)
        monkeypatch.setitem(runtime_module.importlib.sys.modules, "tensorrt", trt)

        class Fake:
            version = SimpleNamespace(cuda=build)
            cuda = SimpleNamespace(is_available=lambda: available)
            device = staticmethod(lambda _: torch.device("cpu"))
            __getattr__ = staticmethod(lambda name: getattr(torch, name))

        monkeypatch.setattr(backend, "_TORCH", SimpleNamespace(load=Fake))
        monkeypatch.setattr(backend, "CudaStream", lambda torch, device: Stream())
        return trt

    return reach


def loaded(file, **options):
    return load_model(file, "tensorrt", device="cuda", **options)


@pytest.mark.parametrize("major", [10, 11])
def test_with_a_gpu_it_loads(installed, dense, x, major):
    installed(major=major)
    assert backends()["tensorrt"].usable == ("cuda",)
    with loaded(dense, shapes=BATCHES, tf32=False) as model:
        np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
        description = model.describe()
    assert description["shapes"] == [{"x": [[1, 4], [2, 4], [8, 4]]}]
    assert (description["engine"], description["tf32"]) == ("built", False)


def test_several_profiles(installed, dense, x):
    trt = installed()
    with loaded(dense, shapes=[{"x": ((1, 4),) * 3}, BATCHES]) as model:
        np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
    assert trt.profiles_used == [1]


def test_a_second_load_does_not_build(installed, dense, x, tmp_path):
    trt = installed()
    options = {"shapes": BATCHES, "engine_cache": tmp_path / "engines"}
    assert loaded(dense, **options).describe()["engine"].startswith("built, kept as ")
    again = loaded(dense, **options)
    assert trt.builds == 1
    assert again.describe()["engine"].startswith("kept from before as ")
    np.testing.assert_allclose(again({"x": x})["y"], relu(x), rtol=1e-6)
    loaded(dense, tf32=False, **options)
    assert trt.builds == 2


def test_an_engine_that_was_damaged_is_built_again(installed, dense, tmp_path):
    trt = installed()
    options = {"shapes": BATCHES, "engine_cache": tmp_path}
    loaded(dense, **options)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    loaded(dense, **options)
    assert trt.builds == 2
    assert file.read_bytes() == whole


def test_an_engine_kept_that_does_not_load_is_built_again(installed, dense, tmp_path, monkeypatch):
    trt = installed()
    options = {"shapes": BATCHES, "engine_cache": tmp_path}
    monkeypatch.setattr(backend.Plans, "find", lambda self, name: b"of another driver")
    model = loaded(dense, **options)
    assert trt.builds == 1
    assert "built again: the one kept did not load" in model.describe()["engine"]


def test_a_ready_engine_is_not_touched_without_trust(installed, tmp_path):
    trt = installed()
    trt.faults.add("runtime")  # to start a runtime would already be too much
    file = tmp_path / "model.engine"
    file.write_bytes(b"[]\0anything")
    with pytest.raises(UsageError, match=r"an? .*engine, which is code .*say trust=True"):
        loaded(file)
    assert trt.builds == 0


@pytest.mark.parametrize("suffix", [".engine", ".plan"])
def test_a_ready_engine_that_is_trusted_runs(installed, dense, x, tmp_path, suffix):
    installed()
    file = tmp_path / f"model{suffix}"
    file.write_bytes(b"[]\0" + dense.read_bytes())
    model = loaded(file, trust=True)
    np.testing.assert_allclose(model({"x": x})["y"], relu(x), rtol=1e-6)
    assert model.describe()["engine"] == "the file, trusted"
    assert model.describe()["tf32"] is None


def test_a_ready_engine_that_is_damaged(installed, tmp_path):
    installed()
    (tmp_path / "model.plan").write_bytes(b"junk")
    with pytest.raises(ModelFormatError, match=r"model.plan: .*Magic tag.*the GPU and TensorRT"):
        loaded(tmp_path / "model.plan", trust=True)


def test_a_ready_engine_takes_no_options_of_a_build(installed, tmp_path):
    installed()
    (tmp_path / "model.plan").write_bytes(b"junk")
    with pytest.raises(UsageError, match=r"is built already: shapes"):
        loaded(tmp_path / "model.plan", trust=True, shapes=BATCHES)


def test_a_gpu_of_a_number_that_is_not_there(installed, dense, monkeypatch):
    def refuse(torch, device):
        raise RuntimeError("invalid device ordinal")

    installed()
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
        loaded(dense)
    status = backends()["tensorrt"]
    assert status.state == "installed, unusable"
    assert status.reason


def test_without_tensorrt_it_gives_the_pip_line(dense):
    if runtime_module.importlib.util.find_spec("tensorrt"):
        pytest.skip("tensorrt is installed")
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[tensorrt\]"'):
        loaded(dense)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cpu"}, 'say device="cuda"'),
        ({"precision": "f16"}, "the model's own precision"),
        ({"threads": 2}, "no threads to choose"),
        ({"shapes": {"x": ((1, 4), (8, 4))}}, "smallest, most usual and largest"),
        ({"shapes": [{"x": ((8, 4), (1, 4), (9, 4))}]}, "smallest, most usual and largest"),
        ({"shapes": {"x": ((8, 4), (8,), (9, 4))}}, "smallest, most usual and largest"),
    ],
)
def test_a_value_that_is_not_accepted(dense, changes, message):
    with pytest.raises(UsageError, match=message):
        load_model(dense, "tensorrt", **({"device": "cuda"} | changes))
