"""Arms as users write them: which backend runs which file, and what is told of mistakes."""

from __future__ import annotations

import pytest

from latprof.errors import UsageError
from latprof.load.duel.arm import arms_of


@pytest.fixture(autouse=True)
def files(workplace):
    for name in ("a.onnx", "b.onnx", "model.pt2", "model.xml", "model.engine", "model.bin"):
        (workplace / name).touch()


def arm(name, given):
    return arms_of({name: given, "other": len})[0]


@pytest.mark.parametrize(
    ("name", "given", "backend"),
    [
        ("torch", "model.pt2", "torch"),
        ("openvino", "a.onnx", "openvino"),
        ("old", "onnxruntime:a.onnx", "onnxruntime"),
        ("torch", "openvino:a.onnx", "openvino"),
        ("old", "a.onnx", "onnxruntime"),
        ("old", "model.pt2", "torch"),
        ("old", "model.xml", "openvino"),
        ("old", "model.engine", "tensorrt"),
        ("old", {"model": "a.onnx"}, "onnxruntime"),
        ("old", {"model": "a.onnx", "backend": None}, "onnxruntime"),
        ("onnxruntim", "a.onnx", "onnxruntime"),
        ("openvino", {"model": "a.onnx", "backend": "onnxruntime"}, "onnxruntime"),
    ],
)
def test_an_arm_runs_on_the_backend_that_was_meant(name, given, backend):
    found = arm(name, given)
    assert (found.name, found.backend, found.refusal) == (name, backend, "")


def test_two_files_on_one_backend_are_two_arms(workplace):
    old, new = arms_of({"old": "onnxruntime:a.onnx", "new": "onnxruntime:b.onnx"})
    assert (old.model, new.model) == (str(workplace / "a.onnx"), str(workplace / "b.onnx"))


def test_a_module_called_after_a_backend_is_still_one():
    assert arm("a", "torch:nn.functional.relu").reference == "torch:nn.functional.relu"


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("openvno", "a.onnx", "did you mean the backend 'openvino'"),
        ("openvno", "a.onnx", "openvno=BACKEND:a.onnx"),
        ("old", "model.bin", "old=BACKEND:model.bin says one of onnxruntime"),
        ("old", "onnxruntime:gone.onnx", "there is no gone.onnx"),
        ("old", {"modle": "a.onnx"}, "no key 'model': did you mean it by 'modle'"),
        ("old", {"modle": "a.onnx"}, "it takes model, backend, device, threads, precision"),
        ("old", {}, "no key 'model': it takes model"),
        ("old", {"model": None}, "model names a file, not None"),
        ("old", {"model": "a.onnx", "bakend": "torch"}, "did you mean 'backend' by 'bakend'"),
        ("old", {"model": "a.onnx", "thread": 2}, "did you mean 'threads' by 'thread'"),
        ("old", {"model": "a.onnx", "optimisation": "all"}, "did you mean 'optimization'"),
        ("old", {"model": "a.onnx", "zzz": 1}, "no option 'zzz': it takes"),
        ("old", {"model": "a.onnx", "backend": "torhc"}, "did you mean 'torch'"),
    ],
)
def test_a_mistake_is_named_with_what_is_accepted(name, given, said):
    with pytest.raises(UsageError) as told:
        arm(name, given)
    assert said in str(told.value)
    assert f"the arm {name!r}" in str(told.value)


def test_a_file_that_a_backend_does_not_read_is_said_to_be_so_with_the_way_out():
    told = arm("torch", "a.onnx").refusal
    assert told.startswith("torch does not read .onnx files, but .pt2")
    assert told.endswith("--arm torch=model.pt2")


def test_a_single_arm_is_told_what_is_the_matter_with_it():
    with pytest.raises(UsageError, match=r"not torch alone; and torch does not read .onnx"):
        arms_of({"torch": "a.onnx"})


def test_a_reference_may_be_in_another_folder(tmp_path):
    arm, _ = arms_of({"a": {"reference": "served:make", "folder": tmp_path}, "b": len})
    assert (arm.reference, arm.folder, arm.spawned) == ("served:make", str(tmp_path), True)
    assert arm.described()["folder"] == str(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reference": "m:f", "folder": "gone"}, "'a' has no checkout: there is no folder"),
        ({"reference": "m:f"}, "a reference goes with a folder, perhaps a python"),
        ({"reference": "m:f", "folder": ".", "device": "cpu"}, "and nothing else"),
    ],
)
def test_a_wrong_checkout_is_told(given, said):
    with pytest.raises(UsageError, match=said):
        arms_of({"a": given, "b": len})
