from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from onnx import TensorProto, external_data_helper, helper, load, numpy_helper, save

from latprof.backends.gpu.engine import Recipe
from latprof.backends.gpu.plans import Plans, key
from latprof.errors import MissingDependencyError, ModelFormatError, StorageError, UsageError

from .conftest import graph_file

BATCHES = {"x": ((1, 4), (2, 4), (8, 4))}


def named(file, version="11.4", gpu="GPU-0 sm90", **recipe):
    return key(Recipe(file, **recipe), file.read_bytes(), version, gpu)


@pytest.fixture
def outside(tmp_path):
    """Write a model whose weights lie in a file beside it: one at the top, one in a branch."""
    branches = {
        name: helper.make_graph(
            [helper.make_node("Constant", [], ["out"], value=_tensor(1.0))],
            name,
            [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [64])],
        )
        for name in ("then_branch", "else_branch")
    }
    file = graph_file(
        tmp_path / "model.onnx",
        [
            helper.make_node("If", ["c"], ["picked"], **branches),
            helper.make_node("Add", ["picked", "weights"], ["y"]),
        ],
        [("c", TensorProto.BOOL, [])],
        [("y", TensorProto.FLOAT, [64])],
        [("weights", np.ones(64, np.float32))],
    )
    model = load(file)
    for number, tensor in enumerate(external_data_helper._get_all_tensors(model)):
        external_data_helper.set_external_data(tensor, f"{number}.bin")
    save(model, file)
    return file


def _tensor(value):
    return numpy_helper.from_array(np.full(64, value, np.float32))


def test_the_key_is_of_all_that_an_engine_depends_on(dense, lookup):
    keys = [
        named(dense),
        named(lookup),
        named(dense, version="11.5"),
        named(dense, gpu="GPU-1 sm90"),
        named(dense, profiles=(BATCHES,)),
        named(dense, profiles=(BATCHES, BATCHES)),
        named(dense, workspace_bytes=1 << 20),
        named(dense, tf32=False),
        named(dense, aux_streams=0),
    ]
    assert len(set(keys)) == len(keys)
    assert named(dense) == keys[0]
    assert len(keys[0]) == 64


def test_a_timing_cache_is_not_part_of_the_key(dense, tmp_path):
    assert named(dense, timing_cache=tmp_path / "t") == named(dense)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_key_is_of_external_weights_too(outside, number):
    before = named(outside)
    weights = outside.with_name(f"{number}.bin")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert named(outside) != before


def test_external_weights_that_are_gone(outside):
    outside.with_name("0.bin").unlink()
    with pytest.raises(ModelFormatError, match=r"its weights in 0.bin cannot be read: No such"):
        named(outside)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"junk" * 9)
    with pytest.raises(ModelFormatError, match=r"bad.onnx: is no ONNX model"):
        named(tmp_path / "bad.onnx")


def test_without_onnx_it_gives_the_pip_line(dense, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"engine cache needs onnx.*latprof\[onnx\]"):
        named(dense)


def test_what_is_kept_is_found_and_nothing_else(tmp_path):
    plans = Plans(tmp_path / "engines")
    assert plans.find("k") is None
    plans.keep("k", b"plan")
    plans.keep("k", b"other")
    assert plans.find("k") == b"other"
    assert [file.name for file in plans.folder.iterdir()] == ["k.plan"]
    assert plans.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "content",
    [
        b"",
        hashlib.sha256(b"").digest(),
        b"x" * 40,
        hashlib.sha256(b"plan").digest() + b"pla",
    ],
)
def test_a_file_that_is_not_whole_is_no_engine(tmp_path, content):
    plans = Plans(tmp_path)
    plans.file("k").write_bytes(content)
    assert plans.find("k") is None


def test_what_others_can_write_is_not_loaded(tmp_path):
    plans = Plans(tmp_path / "engines")
    plans.keep("k", b"plan")
    plans.file("k").chmod(0o666)
    assert plans.find("k") is None
    plans.folder.chmod(0o777)
    with pytest.raises(UsageError, match=r"others can write to .*engines, and an engine is code"):
        Plans(plans.folder)


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(UsageError, match=r"choose a folder of your own"):
        Plans(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*file/engines"):
        Plans(tmp_path / "file" / "engines")


def test_a_disk_that_is_full_leaves_what_was_kept(tmp_path, monkeypatch):
    plans = Plans(tmp_path)
    plans.keep("k", b"plan")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left"):
        plans.keep("k", b"other")
    assert plans.find("k") == b"plan"
    assert [file.name for file in tmp_path.iterdir()] == ["k.plan"]
