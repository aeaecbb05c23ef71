"""What our TensorRT code calls, against the real bindings, imported over libraries that do nothing.

LATPROF_TENSORRT_BINDINGS names folders, separated as in PATH, each with an unpacked
`tensorrt-cu12-bindings` of another release: `pip install --no-deps --target FOLDER …`.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from enum import EnumMeta
from pathlib import Path

import pytest

import latprof

pytest.importorskip("onnxruntime")
from . import tensorrt_double

GPU = Path(latprof.__file__).parent / "backends" / "gpu"
FOLDERS = [
    each for each in os.environ.get("LATPROF_TENSORRT_BINDINGS", "").split(os.pathsep) if each
]
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
SHOW = """
import json, tensorrt_bindings as trt
def signature(value):
    return [line for line in (value.__doc__ or "").splitlines() if "(" in line]
api = {
    name: {key: signature(member) for key, member in vars(value).items()}
    | {key: [] for key in getattr(value, "__members__", ())}
    for name, value in vars(trt).items() if isinstance(value, type)
}
class Logger(trt.ILogger):
    def __init__(self): trt.ILogger.__init__(self)
    def log(self, severity, msg): pass
try: trt.Builder(Logger()); started = "started"
except TypeError as error: started = str(error)
print(json.dumps([trt.__version__, api, started, int(trt.ILogger.Severity.WARNING)]))
"""

needs_bindings = pytest.mark.skipif(
    not FOLDERS or not shutil.which("gcc"),
    reason="needs gcc and LATPROF_TENSORRT_BINDINGS; a job of its own has them",
)


@pytest.fixture(
    scope="module", params=FOLDERS or [None], ids=lambda folder: Path(folder or "-").name
)
def bindings(request, tmp_path_factory):
    """Return version, classes with their members' signatures, and what starting it says."""
    folder = tmp_path_factory.mktemp("libraries")
    source = Path(__file__).with_name("dummy_nvinfer.c")
    for major in (10, 11):
        for library in LIBRARIES:
            file = f"lib{library}.so.{major}"
            flags = ["-shared", "-fPIC", f"-Wl,-soname,{file}", "-o", str(folder / file)]
            subprocess.run([shutil.which("gcc"), str(source), *flags], check=True)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": request.param}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(shown.stdout)


def attributes():
    """Return what our GPU code reads of TensorRT's objects: `trt.X.Y`, `builder.x`, `_engine.x`."""
    owners = {"trt", "builder", "config", "parser", "profile", "runtime", "engine", "error"}
    owners |= {"_context", "_engine"}
    found = set()
    for file in ("engine.py", "execution.py"):
        for node in ast.walk(ast.parse((GPU / file).read_text())):
            if isinstance(node, ast.Attribute) and _root(node) in owners:
                found.add(node.attr)
    return found - owners - {"__version__", "__init__", "name"}


def _root(node):
    inner = node.value
    if isinstance(inner, ast.Call):
        inner = inner.func
    if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
        return inner.attr if inner.value.id == "self" else inner.value.id
    if isinstance(inner, ast.Attribute):
        return _root(inner)
    return inner.id if isinstance(inner, ast.Name) else None


def test_the_scan_sees_what_we_call():
    assert {"Builder", "STRONGLY_TYPED", "set_shape", "execute_async_v3", "WARNING"} <= attributes()


def test_the_double_has_all_that_we_call():
    trt = tensorrt_double.make(11)
    known = set(vars(trt)) | {"STRONGLY_TYPED", "WARNING", "Severity"}
    for each in tensorrt_double.CLASSES:
        known |= set(vars(each)) | set(getattr(each, "__members__", ()))
    assert attributes() <= known


@needs_bindings
def test_every_name_that_we_use_exists(bindings):
    _, api, _, _ = bindings
    known = set(api) | {member for members in api.values() for member in members}
    assert attributes() - known - {"WARNING"} == set()


@needs_bindings
def test_the_double_declares_what_the_bindings_do(bindings):
    version, api, _, _ = bindings
    for each in tensorrt_double.CLASSES:
        members = api[each.__name__]
        if isinstance(each, EnumMeta):
            assert set(each.__members__) <= set(members), (version, each)
            continue
        for name, function in inspect.getmembers(each, inspect.isfunction):
            if name.startswith("_"):
                continue
            assert name in members, (version, each, name)
            ours = list(inspect.signature(function).parameters)[1:]
            lines = " ".join(members[name])
            assert all(f"{parameter}:" in lines for parameter in ours), (version, name, lines)


@needs_bindings
def test_without_a_gpu_the_bindings_say_what_we_translate(bindings):
    _, _, started, warning = bindings
    assert started == "pybind11::init(): factory function returned nullptr"
    assert warning == 2
