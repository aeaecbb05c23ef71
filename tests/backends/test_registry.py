from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest

import latprof.backends
from latprof.backends import registry, runtime
from latprof.backends.model import Model
from latprof.backends.registry import backends, load_model
from latprof.backends.runtime import Runtime, State, Status
from latprof.errors import BackendUnavailable, MissingDependencyError, UsageError


class Doubler(Model):
    backend = "doubler"

    def __init__(self, factor):
        super().__init__((), open_inputs=True)
        self.factor = factor

    def forward(self, inputs):
        return {name: array * self.factor for name, array in inputs.items()}

    def describe(self):
        return {"backend": "doubler"}


def join(monkeypatch, **points):
    """Let `points` be entry points: name to what loading gives, or to an error it raises."""

    class Point(SimpleNamespace):
        def load(self):
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

    class Points(tuple):
        __slots__ = ()

        @property
        def names(self):
            return {point.name for point in self}

    found = Points(Point(name=n, value=f"{n}:backend", found=f) for n, f in points.items())
    monkeypatch.setattr(registry, "_entry_points", lambda: found)


DOUBLER = SimpleNamespace(
    status=lambda: Status("doubler", State.READY, "1", {"cpu": None}),
    load=lambda source, *, device, threads, precision, factor=2: Doubler(factor),
)


def test_there_is_no_such_name():
    with pytest.raises(UsageError, match=r"no backend 'onnxruntim'.*did you mean 'onnxruntime'"):
        load_model("model.onnx", backend="onnxruntim")


def test_a_missing_package_gives_the_pip_line(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[torch\]"'):
        load_model(object(), backend="torch")
    status = backends()["torch"]
    assert status.state is State.NOT_INSTALLED
    assert status.install == 'pip install "latprof[torch]"'
    assert str(status) == 'torch: not installed: pip install "latprof[torch]"'


def test_an_installed_package_that_does_not_import_is_another_matter(tmp_path, monkeypatch):
    (tmp_path / "brokenruntime.py").write_text("raise OSError('libx.so: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Runtime("broken", "brokenruntime", "broken", lambda module: {})
    with pytest.raises(BackendUnavailable, match=r"installed and cannot be imported: libx.so"):
        broken.load()
    assert broken.status().state is State.UNUSABLE


def test_a_package_without_a_device_is_unusable():
    here = Runtime("here", "json", "here", lambda module: {"cuda": "there is no driver"})
    json.__version__ = "1"
    try:
        status = here.status()
    finally:
        del json.__version__
    assert (status.state, status.reason) == (State.UNUSABLE, "there is no driver")
    with pytest.raises(BackendUnavailable, match=r"there is no driver; devices here: none"):
        here.require_device(json, "cuda:1")


def test_what_is_here_says_so():
    pytest.importorskip("onnxruntime")
    status = backends()["onnxruntime"]
    assert status.state is State.READY
    assert "cpu" in status.usable
    assert str(status).startswith("onnxruntime 1.")


def test_another_package_joins_by_entry_point(monkeypatch):
    join(monkeypatch, doubler=DOUBLER)
    assert backends()["doubler"].usable == ("cpu",)
    with load_model("x", backend="doubler", factor=3) as model:
        np.testing.assert_array_equal(model({"x": np.ones(2)})["x"], [3, 3])


def test_its_options_are_held_as_well(monkeypatch):
    join(monkeypatch, doubler=DOUBLER)
    with pytest.raises(UsageError, match=r"no option 'facter': did you mean 'factor'"):
        load_model("x", backend="doubler", facter=3)


def test_a_backend_with_open_options_checks_them_itself(monkeypatch):
    seen = {}
    join(
        monkeypatch,
        open=SimpleNamespace(status=lambda: None, load=lambda _, **given: seen.update(given)),
    )
    load_model("x", backend="open", anything=1)
    assert seen["anything"] == 1


def test_no_entry_point_takes_the_name_of_a_built_in_backend(monkeypatch):
    join(monkeypatch, onnxruntime=DOUBLER)
    with pytest.raises(UsageError, match=r"there is no file x.onnx"):
        load_model("x.onnx", backend="onnxruntime")


@pytest.mark.parametrize("found", [ImportError("no\nsuch thing"), object()])
def test_a_broken_entry_point_breaks_nothing_else(monkeypatch, found):
    join(monkeypatch, broken=found)
    assert backends()["broken"].state is State.UNUSABLE
    with pytest.raises(BackendUnavailable, match=r"the backend 'broken' .broken:backend."):
        load_model("x", backend="broken")


def test_the_group_is_the_documented_one():
    assert isinstance(registry._entry_points(), metadata.EntryPoints)
    assert registry.GROUP == "latprof.backends"


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_is_a_count(threads):
    with pytest.raises(UsageError, match=r"threads is a whole number"):
        load_model("x.onnx", threads=threads)


@pytest.mark.parametrize("device", ["", None, 0])
def test_device_is_a_text(device):
    with pytest.raises(UsageError, match=r"device is a text"):
        load_model("x.onnx", device=device)


def test_unknown_options_are_refused_with_a_near_name():
    with pytest.raises(UsageError, match=r"no option 'spining': did you mean 'spinning'"):
        load_model("x.onnx", spining=False)
    with pytest.raises(UsageError, match=r"no option 'qqq': it takes device"):
        load_model("x.onnx", qqq=False)


def test_the_package_is_called_as_the_function_is(monkeypatch):
    monkeypatch.setattr(registry, "BUILT_IN", ())
    join(monkeypatch, doubler=DOUBLER)
    assert latprof.backends() == backends() == {"doubler": DOUBLER.status()}
    assert latprof.backends.registry is registry


def test_the_registry_imports_no_runtime():
    code = (
        "import sys, latprof.backends.registry, latprof.backends.onnxruntime, "
        "latprof.backends.torch, latprof.backends.openvino; "
        "print({'torch', 'onnxruntime', 'openvino'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("gone.onnx", "there is no file gone.onnx"),
        ("gone.ort", "there is no file gone.ort"),
        ("gone.pt2", "there is no file gone.pt2"),
        ("gone.PT", "there is no file gone.PT"),
        ("gone.xml", "there is no file gone.xml"),
        ("gone.engine", 'tensorrt runs on "cuda"'),
        ("gone.plan", 'tensorrt runs on "cuda"'),
        ("gone.bin", "give the .xml beside it"),
        ("gone.safetensors", "weights without a model"),
        ("gone.zip", "no backend is evident for gone.zip: name one with backend="),
        ("gone", "endings that tell are .onnx"),
    ],
)
def test_the_backend_is_evident_from_the_file(file, said):
    for needed in ("onnxruntime", "openvino", "torch"):
        pytest.importorskip(needed)
    with pytest.raises(UsageError) as told:
        load_model(file)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_no_file_is_for_torch():
    torch = pytest.importorskip("torch")
    with load_model(torch.nn.Linear(2, 2)) as model:
        assert model.backend == "torch"


def test_the_table_of_endings_is_what_the_backends_read():
    from latprof.backends import tensorrt, torchprogram
    from latprof.backends.source import endings

    assert set(endings("torch")) == set(torchprogram.SUFFIXES)
    assert set(endings("tensorrt")) == {".onnx", *tensorrt.ENGINES}
