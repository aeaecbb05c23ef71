"""Three small networks with weights of their own, as torch modules and as ONNX files."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import MissingDependencyError

__all__ = ["BATCHES", "INPUT", "NETWORKS", "SHAPES", "export", "inputs", "network"]

INPUT, OUTPUT = "x", "y"
BATCHES = (1, 4, 8)  # smallest, most usual, largest
PLACES, WIDTH, HEADS, CLASSES = 16, 64, 4, 10
SHAPES = {"mlp": (64,), "cnn": (3, 32, 32), "transformer": (PLACES, WIDTH), "nonzero": (64,)}
NETWORKS = ("mlp", "cnn", "transformer")
OPSET = 17


def inputs(name: str, batch: int, seed: int = 0) -> NDArray[np.float32]:
    """Return inputs of a network, float32 `[batch, ...]`, the same for the same seed."""
    shape = (batch, *SHAPES[name])
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def network(torch: Any, name: str) -> Any:
    """Return a network on the CPU, in evaluation mode, the same weights each time.

    Args:
        torch: The imported package.
        name: "mlp", "cnn", "transformer", or "nonzero", whose output's size depends on the data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the CPU's alone: weights are made there
        return _MAKERS[name](torch).eval()


def _mlp(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, CLASSES))


def _cnn(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )


def _transformer(torch: Any) -> Any:
    nn = torch.nn
    module: Any = nn.Module

    class Block(module):  # type: ignore[misc]  # torch is imported where it is used
        """Self-attention and a perceptron, each added to what comes in."""

        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
            self.project_in, self.project_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.perceptron = nn.Sequential(nn.Linear(WIDTH, 128), nn.GELU(), nn.Linear(128, WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norms[0](x))
            return x + self.perceptron(self.norms[1](x))

        def attend(self, x: Any) -> Any:
            # Sizes are constants: computed from x, they would be nodes that providers for GPUs
            # leave to the CPU.
            parts = self.project_in(x).reshape(-1, PLACES, 3, HEADS, WIDTH // HEADS)
            query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
            weights = (query @ key.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).softmax(-1)
            return self.project_out((weights @ value).transpose(1, 2).reshape(-1, PLACES, WIDTH))

    class Classifier(module):  # type: ignore[misc]  # as above
        """Blocks, the mean over places, and a linear head."""

        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(Block(), Block())
            self.head = nn.Linear(WIDTH, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.head(self.blocks(x).mean(1))

    return Classifier()


def _nonzero(torch: Any) -> Any:
    class NonZero(torch.nn.Module):  # type: ignore[misc]  # as above
        """The places of the positive numbers: as many as there are."""

        def forward(self, x: Any) -> Any:
            return torch.nonzero(x.relu())

    return NonZero()


_MAKERS = {"mlp": _mlp, "cnn": _cnn, "transformer": _transformer, "nonzero": _nonzero}


def export(torch: Any, name: str, folder: Path) -> Path:
    """Write a network as ONNX, its batch free, and return the file; written once a folder.

    Raises:
        MissingDependencyError: onnx is not installed, with which torch writes it.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingDependencyError("An exported test network", "onnx", "onnx")
    file = folder / f"{name}.onnx"
    rows = "found" if name == "nonzero" else "batch"
    if not file.exists():
        with _quiet(torch):
            torch.onnx.export(
                network(torch, name),
                (torch.from_numpy(inputs(name, BATCHES[1])),),
                str(file),
                dynamo=False,  # the other exporter needs one more package
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: rows}},
            )
    return file


@contextmanager
def _quiet(torch: Any) -> Iterator[None]:
    """Silence what torch says of its older exporter, and of shapes that it traces."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield
