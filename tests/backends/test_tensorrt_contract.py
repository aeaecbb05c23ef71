"""What our TensorRT code calls, against the real bindings: see `tensorrt_contract`."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
from enum import EnumMeta
from pathlib import Path

import pytest

import latprof

pytest.importorskip("onnxruntime")
from . import tensorrt_double
from .tensorrt_contract import (
    FOLDERS,
    IMPLEMENTED,
    OURS,
    UNLOADED,
    contract,
    parameters,
    ran,
    takes,
)

GPU = Path(latprof.__file__).parent / "backends" / "gpu"
BACKEND = GPU.parent / "tensorrt.py"

needs_bindings = pytest.mark.skipif(
    not FOLDERS or not shutil.which("gcc"),
    reason="needs gcc and LATPROF_TENSORRT_BINDINGS: make test-gpu-contract has them",
)


@pytest.fixture(params=FOLDERS or [None], ids=lambda folder: Path(folder or "-").name)
def bindings(request):
    return contract(request.param)


def attributes():
    """Return what our GPU code reads of TensorRT's objects: `trt.X.Y`, `builder.x`, `_engine.x`."""
    owners = {"trt", "_trt", "builder", "config", "parser", "profile", "runtime", "engine", "each"}
    owners |= {"network", "context", "inspector", "cache", "_context", "_engine"}
    found = set()
    for file in (*GPU.glob("*.py"), BACKEND):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and owners & set(_chain(node.value)):
                found.add(node.attr)
    return found - owners - {"__version__", "__init__", "name", "items", "keys"}


def _chain(node):
    """Yield the names in what stands before a dot."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            yield node.attr
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def test_the_scan_sees_what_we_call():
    expected = {"Builder", "STRONGLY_TYPED", "set_shape", "execute_async_v3", "WARNING", "desc"}
    expected |= {"IProfiler", "report_to_profiler", "IOutputAllocator", "set_output_allocator"}
    assert expected <= attributes()


def test_the_double_has_all_that_we_call():
    trt = tensorrt_double.make(11)
    known = {"STRONGLY_TYPED", "WARNING", "Severity", "NetworkDefinitionCreationFlag"}
    for each in tensorrt_double.CLASSES:
        known |= {each.__name__} | set(vars(each)) | set(getattr(each, "__members__", ()))
    assert attributes() <= known
    assert all(getattr(trt, each.__name__) for each in tensorrt_double.CLASSES)


def test_signatures_are_read_from_docstrings():
    line = "1. f(self: a.B, x: collections.abc.Sequence[tuple[int, str]], y: E = <E.A: 0>) -> bool"
    assert parameters(line) == {"x": False, "y": True}
    assert takes(line, (1,), {})
    assert takes(line, (1,), {"y": 2})
    assert not takes(line, (), {"y": 2})
    assert not takes(line, (1, 2, 3), {})
    assert not takes(line, (1,), {"z": 2})


@needs_bindings
def test_every_name_that_we_use_exists(bindings):
    api = bindings["api"]
    known = set(api) | {member for members in api.values() for member in members}
    assert attributes() - known - {"WARNING"} == set()


@needs_bindings
def test_the_double_declares_what_the_bindings_do(bindings):
    version, api = bindings["version"], bindings["api"]
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
            assert any(set(ours) <= set(parameters(line)) for line in members[name]), (
                version,
                name,
                members[name],
            )


@needs_bindings
def test_what_we_implement_is_what_they_call(bindings):
    for name in IMPLEMENTED:
        assert "__init__" in bindings["api"][name]
    for call in (
        "reallocate_output(self, tensor_name, memory, size, alignment)",
        "notify_shape(self, tensor_name, shape)",
    ):
        assert f"def {call}" in bindings["documented"]
    assert bindings["heard"] == [["layer", 0.5]]
    assert bindings["sizes"] == [1, 2]


@needs_bindings
def test_without_a_gpu_the_bindings_say_what_we_translate(bindings):
    nothing = "pybind11::init(): factory function returned nullptr"
    assert bindings["started"] == {"Builder": nothing, "Runtime": nothing}
    assert bindings["warning"] == 2


@needs_bindings
@pytest.mark.parametrize("folder", FOLDERS)
def test_our_code_runs_on_the_real_bindings_up_to_the_driver(folder):
    shown = json.loads(ran(folder, OURS))
    assert len(shown["said"]) == 2
    assert all("cannot start: there is no usable GPU or driver" in each for each in shown["said"])
    assert shown["told"] == ["a warning"]
    assert shown["rows"] == [["layer", 0.5]]
    assert (shown["address"], shown["shape"]) == (4096, [2, 3])


@needs_bindings
@pytest.mark.parametrize("folder", FOLDERS)
def test_bindings_without_their_libraries_are_installed_and_unusable(folder):
    said = ran(folder, UNLOADED, with_libraries=False)
    assert "installed, unusable" in said
    assert "cannot be imported: libnv" in said


@needs_bindings
def test_strong_typing_is_another_bit_in_each_release(bindings):
    value = bindings["api"]["NetworkDefinitionCreationFlag"]["STRONGLY_TYPED"]
    major = int(bindings["version"].partition(".")[0])
    assert int(tensorrt_double.make(major).NetworkDefinitionCreationFlag.STRONGLY_TYPED) == value


@needs_bindings
@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda context: context.execute_async_v2([1], 2), "execute_async_v2: not in"),
        (lambda context: context.execute_async_v3(stream=7), "stream"),
        (lambda context: context.set_tensor_address("x"), "set_tensor_address"),
        (lambda context: setattr(context, "engine", None), "no property to set"),
    ],
)
def test_the_contract_refuses_what_the_bindings_do_not_take(bindings, dense, misuse, message):
    major = int(bindings["version"].partition(".")[0])
    trt = tensorrt_double.make(major)
    log = trt.ILogger()
    plan = b"[]\0" + dense.read_bytes()
    context = trt.Runtime(log).deserialize_cuda_engine(plan).create_execution_context()
    with pytest.raises(AssertionError, match=message):
        misuse(context)
