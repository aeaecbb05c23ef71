from __future__ import annotations

from types import SimpleNamespace

import pytest

from latprof.signals import pools


def test_the_pool_of_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    assert {"library": "torch", "threads": torch.get_num_threads()} in pools.read()


@pytest.mark.parametrize(
    ("asked", "spinning", "threads"), [(3, True, 3), (0, True, 8), (2, False, 2)]
)
def test_the_pools_of_sessions(asked, spinning, threads):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = asked
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(identity_model(), options)
    found = pools.read(default_threads=8)
    assert {"library": "onnxruntime", "threads": threads, "spinning": spinning} in found
    del session


def identity_model():
    helper = pytest.importorskip("onnx.helper", reason="onnx is not installed")
    value = [helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", value[:1], value[1:])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def test_what_is_not_imported_is_not_asked():
    libraries = {pool["library"] for pool in pools.read({})}
    assert not libraries & {"torch", "onnxruntime"}


def test_a_library_that_answers_otherwise_hides_no_other():
    broken = SimpleNamespace()
    torch = SimpleNamespace(get_num_threads=lambda: 4)
    found = pools.read({"onnxruntime": broken, "torch": torch})
    assert {"library": "torch", "threads": 4} in found
