from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the test models are made with onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - after the skip

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3) / 10


def graph_file(path, nodes, inputs, outputs, constants=()):
    """Write an ONNX file; inputs and outputs as (name, element type, shape)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="session")
def dense(tmp_path_factory):
    """`y = relu(x @ WEIGHTS)` for any batch."""
    return graph_file(
        tmp_path_factory.mktemp("dense") / "dense.onnx",
        [
            helper.make_node("MatMul", ["x", "weights"], ["product"], name="product"),
            helper.make_node("Relu", ["product"], ["y"], name="positive"),
        ],
        [("x", TensorProto.FLOAT, ["batch", 4])],
        [("y", TensorProto.FLOAT, ["batch", 3])],
        [("weights", WEIGHTS)],
    )


@pytest.fixture(scope="session")
def lookup(tmp_path_factory):
    """`row = WEIGHTS[ids]` and `scaled = row * scale`, for int64 and float32 inputs."""
    return graph_file(
        tmp_path_factory.mktemp("lookup") / "lookup.onnx",
        [
            helper.make_node("Gather", ["weights", "ids"], ["row"], name="take"),
            helper.make_node("Mul", ["row", "scale"], ["scaled"], name="scale it"),
        ],
        [("ids", TensorProto.INT64, ["n"]), ("scale", TensorProto.FLOAT, [3])],
        [("row", TensorProto.FLOAT, ["n", 3]), ("scaled", TensorProto.FLOAT, ["n", 3])],
        [("weights", WEIGHTS)],
    )


@pytest.fixture
def x():
    return np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)


def relu(x):
    return np.maximum(x @ WEIGHTS, 0)
