from __future__ import annotations

import sys

import pandas as pd
import pytest

from latprof.analysis.ops import annotate_onnx
from latprof.analysis.ops.operator import Operator, Profile
from latprof.analysis.ops.table import build
from latprof.errors import MissingDependencyError, ModelFormatError, StorageError, UsageError

onnx = pytest.importorskip("onnx", reason="needs onnx")


def table(*rows):
    operators = tuple(Operator(name, "Op", time, 1, origins=nodes) for name, nodes, time in rows)
    return build(Profile("test", operators, 1, 1))


TIMES = table(
    ("copy", ("conv", "relu"), 5),
    ("conv + relu", ("conv", "relu"), 70),
    ("gemm", (), 25),
    ("gone", ("gone",), 0),
)


@pytest.fixture
def model(tmp_path):
    names = ("conv", "relu", "gemm", "other")
    nodes = [onnx.helper.make_node("Relu", ["x"], [name], name=name) for name in names]
    node = nodes[0].metadata_props.add()
    node.key, node.value = "mine", "kept"
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [])), path)
    return path


def notes(path):
    nodes = onnx.load(path).graph.node
    return {node.name: {note.key: note.value for note in node.metadata_props} for node in nodes}


EXPECTED = {
    "conv": {"mine": "kept", "latprof.time_ns": "75", "latprof.share": "0.750000"},
    "relu": {"latprof.fused_into": "conv"},
    "gemm": {"latprof.time_ns": "25", "latprof.share": "0.250000"},
    "other": {},
}


def test_times_are_written_and_the_model_stays(model, tmp_path):
    before = model.read_bytes()
    assert annotate_onnx(model, TIMES, tmp_path / "out.onnx") == 3
    assert notes(tmp_path / "out.onnx") == EXPECTED
    assert model.read_bytes() == before


def test_an_operator_may_be_called_by_what_its_node_writes(model, tmp_path):
    loaded = onnx.load(model)
    loaded.graph.node[3].output[0] = "result"
    onnx.save(loaded, model)
    assert annotate_onnx(model, table(("fused", ("result",), 7)), tmp_path / "out.onnx") == 1
    assert notes(tmp_path / "out.onnx")["other"]["latprof.time_ns"] == "7"


def test_earlier_notes_are_replaced(model, tmp_path):
    earlier = table(("other", ("other",), 1), ("conv", ("conv",), 1))
    annotate_onnx(model, earlier, tmp_path / "first.onnx")
    annotate_onnx(tmp_path / "first.onnx", TIMES, tmp_path / "second.onnx")
    assert notes(tmp_path / "second.onnx") == EXPECTED


def test_what_is_no_model_is_refused(model, tmp_path):
    for name, content in (("bad.onnx", b"\xff\xff\xff"), ("text.onnx", b"hello world")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFormatError, match="no ONNX model"):
            annotate_onnx(tmp_path / name, TIMES, tmp_path / "out.onnx")
    with pytest.raises(ModelFormatError):
        annotate_onnx(tmp_path / "nowhere.onnx", TIMES, tmp_path / "out.onnx")


def test_wrong_arguments_are_refused(model, tmp_path):
    with pytest.raises(UsageError, match="model itself"):
        annotate_onnx(model, TIMES, model)
    with pytest.raises(UsageError, match="no times"):
        annotate_onnx(model, table(("conv", ("conv",), None)), tmp_path / "out.onnx")
    with pytest.raises(UsageError, match="read_ops"):
        annotate_onnx(model, pd.DataFrame(), tmp_path / "out.onnx")
    with pytest.raises(StorageError, match="cannot be written"):
        annotate_onnx(model, TIMES, tmp_path / "nowhere" / "out.onnx")


def test_weights_in_files_beside_the_model_are_not_left_behind(model, tmp_path):
    loaded = onnx.load(model)
    weight = loaded.graph.initializer.add(name="w", data_type=1, dims=[1], data_location=1)
    weight.external_data.add(key="location", value="w.bin")
    (tmp_path / "w.bin").write_bytes(bytes(4))
    model.write_bytes(loaded.SerializeToString())
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UsageError, match="beside it"):
        annotate_onnx(model, TIMES, tmp_path / "elsewhere" / "out.onnx")
    assert annotate_onnx(model, TIMES, tmp_path / "out.onnx") == 3


def test_without_onnx_the_line_to_install_it_is_given(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"latprof\[onnx\]"):
        annotate_onnx(model, TIMES, tmp_path / "out.onnx")
