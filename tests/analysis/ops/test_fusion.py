from __future__ import annotations

import pytest

from latprof.analysis.ops.fusion import Fusions
from latprof.errors import ModelFormatError

# A product with its sum, then two branches that meet again.
GRAPH = {
    "product": [],
    "sum": ["product"],
    "left": ["sum"],
    "right": ["sum"],
    "meet": ["left", "right"],
}


@pytest.mark.parametrize(
    ("named", "completed"),
    [
        ([list(GRAPH)], [list(GRAPH)]),
        ([["sum"], ["meet"]], [["sum", "product"], ["meet", "left", "right"]]),
        # The sum has two consumers, so it belongs to what it comes from.
        ([["product"], ["left"], ["meet"]], [["product", "sum"], ["left"], ["meet", "right"]]),
        ([["stranger"]], [["stranger"]]),
        ([], []),
    ],
)
def test_what_nobody_names_joins_its_neighbour(named, completed):
    assert Fusions(GRAPH).completed(named) == completed


def test_a_layer_may_be_called_by_what_it_writes():
    fusions = Fusions(GRAPH, {"output": "meet", "sum": "another"})
    assert fusions.completed([["output"], ["sum"]]) == [
        ["meet", "left", "right"],
        ["sum", "product"],
    ]


def test_a_ring_ends():
    ring = {"a": ["b"], "b": ["a"], "c": []}
    assert Fusions(ring).completed([["c"]]) == [["c"]]


def test_what_is_no_model_is_refused(tmp_path):
    pytest.importorskip("onnx", reason="needs onnx")
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelFormatError, match="no ONNX model"):
        Fusions.of_file(tmp_path / "m.onnx")
