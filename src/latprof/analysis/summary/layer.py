"""One layer of a model, and the table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from latprof.analysis.ops.operator import Tensor

__all__ = ["COLUMNS", "Layer", "Layers", "build"]

COLUMNS = ("name", "op_type", "shapes", "parameters", "macs", "bytes", "inputs", "outputs")
_LOOKUPS = ("Embedding", "Gather")


@dataclass(frozen=True, slots=True)
class Layer:
    """What is known of one layer, for one call of the model.

    Attributes:
        name: As the model calls it.
        op_type: The operator of ONNX, or the class of the module.
        inputs: What it reads besides its parameters.
        outputs: What it writes.
        weights: Its parameters; one that several layers share is with the first.
        macs: Multiply-adds of convolutions and matrix products; None where shapes do not tell.
        reads: Parameters that it reads and another layer counts.
    """

    name: str
    op_type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    macs: int | None
    reads: tuple[Tensor, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(tensor.elements or 0 for tensor in self.weights)

    @property
    def bytes(self) -> int | None:
        """Bytes that one call moves where nothing is cached; None where a size is open.

        A lookup reads no more of its table than it writes.
        """
        held = self.outputs if self.op_type in _LOOKUPS else (*self.weights, *self.reads)
        tensors = (*self.inputs, *self.outputs, *held)
        sizes = [tensor.size_bytes for tensor in tensors]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) and self.outputs else None


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a model in the order of execution.

    Attributes:
        name: Of the model.
        kind: "onnx", or what torch has: "eager", "torchscript", "export".
        layers: In the order of execution.
        notes: What a reader must know.
    """

    name: str
    kind: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def build(model: Layers) -> pd.DataFrame:
    """Return the table of a model; `summarize` describes columns and attributes."""
    layers = model.layers
    table = pd.DataFrame(
        {
            "name": _words([layer.name for layer in layers]),
            "op_type": _words([layer.op_type for layer in layers]),
            "shapes": _words([", ".join(map(str, layer.outputs)) or None for layer in layers]),
            "parameters": pd.Series([layer.parameters for layer in layers], dtype="int64"),
            "macs": pd.Series([layer.macs for layer in layers], dtype="Int64"),
            "bytes": pd.Series([layer.bytes for layer in layers], dtype="Int64"),
            "inputs": _words([layer.inputs for layer in layers]),
            "outputs": _words([layer.outputs for layer in layers]),
        }
    )
    weights = [tensor.size_bytes or 0 for layer in layers for tensor in layer.weights]
    table.attrs = {
        "name": model.name,
        "kind": model.kind,
        "parameters": int(table["parameters"].sum()),
        "parameter_bytes": sum(weights),
        "macs": int(table["macs"].sum()),
        "bytes": int(table["bytes"].sum()),
        "notes": (*model.notes, *_unknown(layers)),
    }
    return table


def _words(values: Sequence[object]) -> pd.Series:
    return pd.Series(list(values), dtype="object")


def _unknown(layers: Sequence[Layer]) -> list[str]:
    """Say of which layers the multiply-adds are missing, so that the total is a lower bound."""
    kinds = sorted({layer.op_type for layer in layers if layer.macs is None})
    count = sum(layer.macs is None for layer in layers)
    return [f"{count} not counted, the total is a lower bound: {', '.join(kinds)}"] if kinds else []
