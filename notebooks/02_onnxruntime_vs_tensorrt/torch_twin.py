"""The demo's sentiment model written in torch, with the weights of its ONNX file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional

WIDTH, HEADS = 96, 4
BLOCKS = ("blocks_0", "blocks_1")


class Twin(torch.nn.Module):
    """Tokens and their mask in, logits for negative and positive out."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, array in weights.items():
            self.register_buffer(name, torch.tensor(array))

    def norm(self, x, name):
        weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
        return functional.layer_norm(x, (WIDTH,), weight, bias)

    def linear(self, x, name):
        return x @ getattr(self, f"{name}_product") + getattr(self, f"{name}_bias")

    def attend(self, x, kept, block):
        parts = self.linear(x, f"{block}_attention_project_in")
        parts = parts.unflatten(-1, (3, HEADS, WIDTH // HEADS))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value, kept)
        return self.linear(seen.transpose(1, 2).flatten(2), f"{block}_attention_project_out")

    def forward(self, input_ids, attention_mask):
        x = self.words_weight[input_ids] + self.places[: input_ids.shape[1]]
        kept = attention_mask.bool()[:, None, None]
        for block in BLOCKS:
            x = x + self.attend(self.norm(x, f"{block}_norm_attention"), kept, block)
            wide = self.linear(self.norm(x, f"{block}_norm_perceptron"), f"{block}_perceptron_0")
            x = x + self.linear(functional.gelu(wide), f"{block}_perceptron_2")
        counted = attention_mask[..., None].float()
        mean = (self.norm(x, "norm") * counted).sum(1) / counted.sum(1)
        return mean @ self.head_weight.T + self.head_bias


def weights(model: Path) -> dict[str, np.ndarray]:
    """Return the weights by names of our own; the exporter has left products without one."""
    graph = onnx.load(model).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    named = {re.sub(r"\W", "_", name): array for name, array in arrays.items() if "::" not in name}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            layer = re.sub(r"/perceptron\.(\d)", r".\1", node.name.strip("/")).rpartition("/")[0]
            named[f"{re.sub(r'[./]', '_', layer)}_product"] = arrays[node.input[1]]
    return named


def export(model: Path, target: Path) -> Path:
    """Write the twin as a torch.export program, for any number of tokens."""
    example = tuple(torch.ones((1, 8), dtype=torch.int64) for _ in range(2))
    free = {1: torch.export.Dim.AUTO}
    twin = Twin(weights(model)).eval()
    torch.export.save(torch.export.export(twin, example, dynamic_shapes=(free, free)), target)
    return target
