from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.summary import summarize
from latprof.demo.service import MODEL_FOLDER
from latprof.errors import LatprofError, MissingDependencyError, ModelFormatError, UsageError

onnx = pytest.importorskip("onnx", reason="the test models are made with onnx")
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def ones(*shape):
    return np.ones(shape, np.float32)


def test_a_convolution_is_counted_by_hand(graph):
    conv = ("Conv", ["x", "w", "b"], ["y"], {"strides": [2, 2], "pads": [3, 3, 3, 3]})
    weights = {"w": ones(64, 3, 7, 7), "b": ones(64)}
    table = summarize(graph([conv], {"x": (FLOAT, [2, 3, 224, 224])}, constants=weights))
    row = table.iloc[0]
    assert row["shapes"] == "2x64x112x112"
    assert row["parameters"] == 64 * 3 * 7 * 7 + 64
    assert row["macs"] == 2 * 112 * 112 * 64 * 3 * 7 * 7
    assert row["bytes"] == 4 * (2 * 3 * 224**2 + 2 * 64 * 112**2 + 64 * 3 * 49 + 64)
    assert table.attrs["macs"] == row["macs"]
    assert table.attrs["parameter_bytes"] == 4 * row["parameters"]


@pytest.mark.parametrize(
    ("node", "inputs", "constants", "macs"),
    [
        (("Conv", ["x", "w"], ["y"], {"group": 8}), [1, 8, 10, 10], {"w": ones(8, 1, 3, 3)}, 4608),
        (
            ("ConvTranspose", ["x", "w"], ["y"], {"strides": [2, 2]}),
            [1, 4, 5, 5],
            {"w": ones(4, 6, 2, 2)},
            4 * 25 * 6 * 4,
        ),
        (("Gemm", ["x", "w"], ["y"], {"transB": 1}), [5, 8], {"w": ones(3, 8)}, 5 * 8 * 3),
        (("MatMul", ["x", "w"], ["y"], {}), [7, 5, 8], {"w": ones(8, 3)}, 7 * 5 * 8 * 3),
        (("MatMul", ["x", "x"], ["y"], {}), [2, 6, 6], {}, 2 * 6 * 6 * 6),
        (
            ("LSTM", ["x", "w", "r"], ["y"], {"hidden_size": 4}),
            [9, 2, 3],
            {"w": ones(1, 16, 3), "r": ones(1, 16, 4)},
            9 * 2 * (48 + 64),
        ),
        (("Relu", ["x"], ["y"], {}), [4, 4], {}, 0),
    ],
)
def test_multiply_adds_of_other_nodes(graph, node, inputs, constants, macs):
    assert summarize(graph([node], {"x": (FLOAT, inputs)}, constants=constants))["macs"][0] == macs


def test_open_sizes_are_given_or_one_and_said(graph):
    path = graph(
        [("MatMul", ["x", "w"], ["y"], {})],
        {"x": (FLOAT, ["batch", "tokens", 8])},
        constants={"w": ones(8, 2)},
    )
    table = summarize(path)
    assert table["shapes"].tolist() == ["1x1x2"]
    assert "x[batch], x[tokens]" in table.attrs["notes"][0]
    given_ = summarize(path, {"x": (4, 16, 8)})
    assert given_["shapes"].tolist() == ["4x16x2"]
    assert given_.attrs["notes"] == ()
    assert summarize(path, {None: (4, 16, 8)})["macs"].tolist() == [4 * 16 * 8 * 2]


def test_weights_that_layers_share_count_once(graph):
    nodes = [("MatMul", ["x", "w"], ["a"], {}), ("MatMul", ["a", "w"], ["y"], {})]
    table = summarize(graph(nodes, {"x": (FLOAT, [1, 4])}, constants={"w": ones(4, 4)}))
    assert table["parameters"].tolist() == [16, 0]
    assert table["bytes"].tolist() == [4 * (4 + 4 + 16)] * 2


def test_numbers_of_formulas_are_no_parameters(graph):
    nodes = [
        ("Mul", ["x", "half"], ["a"], {}),
        ("Reshape", ["a", "shape"], ["b"], {}),
        ("Add", ["b", "w"], ["y"], {}),
    ]
    constants = {"half": np.float32(0.5), "shape": np.array([4, 1]), "w": ones(4, 1)}
    table = summarize(graph(nodes, {"x": (FLOAT, [1, 4])}, constants=constants))
    assert table["parameters"].tolist() == [0, 0, 4]


def test_shapes_that_are_computed_are_followed(graph):
    """A reshape to (first size of the input, -1), as exporters write it."""
    nodes = [
        ("Shape", ["x"], ["s"], {}),
        ("Gather", ["s", "zero"], ["n"], {}),
        ("Unsqueeze", ["n", "axes"], ["n1"], {}),
        ("Concat", ["n1", "minus"], ["to"], {"axis": 0}),
        ("Reshape", ["x", "to"], ["r"], {}),
        ("MatMul", ["r", "w"], ["y"], {}),
    ]
    constants = {
        "zero": np.array(0),
        "axes": np.array([0]),
        "minus": np.array([-1]),
        "w": ones(12, 2),
    }
    path = graph(nodes, {"x": (FLOAT, ["n", 3, 4])}, constants=constants)
    table = summarize(path, {"x": (5, 3, 4)})
    assert table["op_type"].tolist() == [kind for kind, *_ in nodes]
    assert table["shapes"].tolist()[-2:] == ["5x12", "5x2"]
    assert table["macs"].tolist()[-1] == 5 * 12 * 2


def test_what_cannot_be_counted_makes_the_total_a_lower_bound(graph):
    nodes = [("Einsum", ["x", "w"], ["y"], {"equation": "ij,jk->ik"})]
    table = summarize(graph(nodes, {"x": (FLOAT, [2, 4])}, constants={"w": ones(4, 3)}))
    assert table["macs"].isna().all()
    assert "lower bound: Einsum" in table.attrs["notes"][0]


def test_a_lookup_reads_only_what_it_finds(graph):
    nodes = [("Gather", ["w", "i"], ["y"], {})]
    table = summarize(graph(nodes, {"i": (INT64, [2])}, constants={"w": ones(1000, 8)}))
    assert table["parameters"].tolist() == [8000]
    assert table["bytes"].tolist() == [2 * 8 + 2 * (2 * 8 * 4)]


def test_the_demo_model_is_counted_by_hand():
    n, d = 16, 96
    sizes = {"input_ids": (1, n), "attention_mask": (1, n)}
    table = summarize(MODEL_FOLDER / "model.onnx", sizes)
    blocks = 2 * (n * d * 3 * d + n * d * d + 2 * n * d * 2 * d + 2 * n * n * d)
    assert table.attrs["macs"] == blocks + 2 * d
    assert table.attrs["notes"] == ()
    assert table["bytes"].notna().all()


def test_weights_in_files_beside_the_model_need_not_be_there(graph):
    path = graph(
        [("MatMul", ["x", "w"], ["y"], {})], {"x": (FLOAT, [1, 4])}, constants={"w": ones(4, 4)}
    )
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = weight.EXTERNAL
    weight.external_data.add(key="location", value="gone.bin")
    path.write_bytes(model.SerializeToString())
    assert summarize(path).attrs["parameters"] == 16


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"z": (1, 4)}, "no input 'z', only x"),
        ({"x": (1, 4, 4)}, "has 2 sizes"),
        ({"x": (1, 5)}, "is 4 at place 1, got 5"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(graph, shapes, said):
    path = graph([("Relu", ["x"], ["y"], {})], {"x": (FLOAT, ["n", 4])})
    with pytest.raises(UsageError, match=said):
        summarize(path, shapes)


def test_a_shape_without_a_name_needs_a_single_input(graph):
    path = graph([("Add", ["a", "b"], ["y"], {})], {"a": (FLOAT, [4]), "b": (FLOAT, [4])})
    with pytest.raises(UsageError, match="name each shape"):
        summarize(path, {None: (4,)})


def test_what_is_no_model_is_refused(tmp_path):
    for name, content in (("bad.onnx", b"\xff\xff"), ("empty.onnx", b""), ("t.onnx", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFormatError, match=name):
            summarize(tmp_path / name)
    with pytest.raises(UsageError, match="there is no file"):
        summarize(tmp_path / "nowhere.onnx")


def test_shapes_that_contradict_are_not_counted(graph):
    nodes = [("MatMul", ["x", "w"], ["y"], {})]
    path = graph(nodes, {"x": (FLOAT, [1, 4])}, constants={"w": ones(5, 4)})
    assert "lower bound: MatMul" in summarize(path).attrs["notes"][0]


def test_a_model_that_onnx_cannot_follow_is_refused(graph):
    path = graph([("Relu", ["x"], ["y"], {})], {"x": (FLOAT, [4])})
    model = onnx.load(path)
    del model.opset_import[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFormatError, match="shapes cannot be inferred"):
        summarize(path)


def test_a_constant_of_no_known_type_is_no_value(graph):
    path = graph([("Add", ["x", "c"], ["y"], {})], {"x": (FLOAT, [4])}, constants={"c": ones(4)})
    model = onnx.load(path)
    model.graph.initializer[0].data_type = 999
    path.write_bytes(model.SerializeToString())
    counted_or_refused(path)


def test_names_that_are_no_text_are_refused(graph):
    path = graph([("Relu", ["x"], ["y"], {})], {"x": (FLOAT, [4])})
    path.write_bytes(path.read_bytes().replace(b"y_node", b"\xff_node"))
    with pytest.raises(ModelFormatError, match=r"no ONNX model|no text"):
        summarize(path)


def test_without_onnx_the_line_to_install_it_is_given(graph, monkeypatch):
    path = graph([("Relu", ["x"], ["y"], {})], {"x": (FLOAT, [4])})
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"latprof\[onnx\]"):
        summarize(path)


DEMO = (MODEL_FOLDER / "model.onnx").read_bytes()


def counted_or_refused(path):
    refused = None
    try:
        table = summarize(path)
    except LatprofError as error:
        refused = str(error)
    if refused is None:
        assert table.attrs["macs"] >= 0
    else:
        assert refused.startswith(f"{path}: ")
        assert "\n" not in refused


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(DEMO)))
def test_a_torn_file_is_refused_or_read(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("torn") / "model.onnx"
    path.write_bytes(DEMO[:length])
    counted_or_refused(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_with_other_bytes_is_refused_or_read(tmp_path_factory, changes):
    """The nodes stand before the weights, so most of the changes go there."""
    data = bytearray(DEMO)
    for place, value in changes:
        data[place % min(len(data), 60_000)] = value
    path = tmp_path_factory.mktemp("changed") / "model.onnx"
    path.write_bytes(bytes(data))
    counted_or_refused(path)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("random") / "model.onnx"
    path.write_bytes(data)
    counted_or_refused(path)


@pytest.mark.parametrize("size", [-1, 10**12])
def test_arithmetic_that_asks_for_terabytes_is_not_done(graph, size):
    nodes = [
        ("ConstantOfShape", ["size"], ["big"], {}),
        ("Range", ["zero", "limit", "one"], ["r"], {}),
        ("Relu", ["x"], ["y"], {}),
    ]
    constants = {
        "size": np.array([size]),
        "zero": np.array(0),
        "limit": np.array(size),
        "one": np.array(1),
    }
    path = graph(nodes, {"x": (FLOAT, [4])}, constants=constants)
    counted_or_refused(path)
