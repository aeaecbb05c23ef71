from __future__ import annotations

import json

import pytest

from latprof.backends.placement import Node, counted, elsewhere, profiled
from latprof.errors import ModelFormatError

EVENTS = [
    {"cat": "Session", "name": "model_run", "args": {}},
    {
        "cat": "Node",
        "name": "mm_kernel_time",
        "args": {"op_name": "MatMul", "provider": "CPUExecutionProvider"},
    },
    {"cat": "Node", "name": "mm_fence_before", "args": {"op_name": "MatMul"}},
]


def test_nodes_are_read_from_a_profile_once_each(tmp_path):
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(EVENTS * 2))
    assert profiled(file) == (Node("mm", "MatMul", "CPUExecutionProvider"),)


@pytest.mark.parametrize(
    "text", ["", "{", "3", "[3]", '[{"cat": "Node"}]', '[{"cat": "Node", "args": []}]', "null"]
)
def test_what_is_no_profile(tmp_path, text):
    file = tmp_path / "profile.json"
    file.write_text(text)
    with pytest.raises(ModelFormatError, match=r"not an ONNX Runtime profile"):
        profiled(file)


def test_a_profile_that_is_not_there(tmp_path):
    with pytest.raises(ModelFormatError, match=r"not an ONNX Runtime profile"):
        profiled(tmp_path / "none.json")


def test_counting_and_sorting_out():
    nodes = [Node("a", "Relu", "A"), Node("b", "Relu", "A"), Node("c", "Add", "B")]
    assert counted(nodes) == {"A": {"Relu": 2}, "B": {"Add": 1}}
    assert elsewhere(nodes, "A") == (nodes[2],)
