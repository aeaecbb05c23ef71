from __future__ import annotations

import numpy as np
import pytest

from latprof.demo.service import MODEL_FOLDER
from latprof.load.duel.arithmetic import roundings

onnx = pytest.importorskip("onnx", reason="the graphs are made with onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - after the skip


def graph(path, nodes, weights):
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "graph",
        [value("x", TensorProto.FLOAT, None)],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(shape, np.float32), n) for n, shape in weights.items()],
    )
    path.write_bytes(helper.make_model(made).SerializeToString())
    return path


def test_the_longest_path_counts_and_not_the_sum_of_branches(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "long"], ["a"]),
        helper.make_node("MatMul", ["x", "short"], ["b"]),
        helper.make_node("Relu", ["a"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    found = roundings(graph(tmp_path / "m.onnx", nodes, {"long": (300, 4), "short": (7, 4)}))
    assert (found.terms, found.stores, found.quantised) == (300, 3, False)


@pytest.mark.parametrize(
    ("node", "weight", "terms"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), (8, 3, 5, 5), 75),
        (helper.make_node("Gemm", ["x", "w"], ["y"]), (20, 4), 20),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), (20, 4), 4),
        (helper.make_node("MatMul", ["w", "x"], ["y"]), (20, 4), 4),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), (9,), 9),
    ],
)
def test_a_sum_is_as_long_as_its_weights_say(tmp_path, node, weight, terms):
    assert roundings(graph(tmp_path / "m.onnx", [node], {"w": weight})).terms == terms


def test_a_product_of_two_computed_factors_is_as_long_as_the_longest_known(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "a"], ["y"]),
    ]
    assert roundings(graph(tmp_path / "m.onnx", nodes, {"w": (64, 64)})).terms == 128


def test_quantised_operators_are_seen(tmp_path):
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])]
    assert roundings(graph(tmp_path / "m.onnx", nodes, {})).quantised


def test_the_demo_model_is_read():
    found = roundings(MODEL_FOLDER / "model.onnx")
    assert found.terms > 500
    assert found.stores > 20


def test_what_cannot_be_read_is_unknown(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 50)
    assert roundings(tmp_path / "bad.onnx") is None
    assert roundings(tmp_path / "model.xml") is None
