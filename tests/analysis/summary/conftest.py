"""Small ONNX models, written node by node."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the test models are made with onnx")
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


@pytest.fixture
def graph(tmp_path):
    """Write an ONNX file: nodes as (type, inputs, outputs, attributes), inputs as (type, shape)."""

    def write(nodes, inputs, outputs=("y",), constants=None, name="model.onnx"):
        helper = onnx.helper
        made = helper.make_graph(
            [
                helper.make_node(kind, list(reads), list(writes), name=f"{writes[0]}_node", **more)
                for kind, reads, writes, more in nodes
            ],
            "graph",
            [helper.make_tensor_value_info(key, *each) for key, each in inputs.items()],
            [helper.make_tensor_value_info(key, FLOAT, None) for key in outputs],
            [
                onnx.numpy_helper.from_array(np.asarray(array), key)
                for key, array in (constants or {}).items()
            ],
        )
        opsets = [helper.make_opsetid("", 17)]
        path = tmp_path / name
        path.write_bytes(
            helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()
        )
        return path

    return write
