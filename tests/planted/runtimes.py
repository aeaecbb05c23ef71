"""Planted causes in how a model is run: modes, types, shapes, calls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import latprof as lp

from .case import SECONDS, Arm, planted
from .networks import onnx_mlp, torch_mlp

TORCH = ("torch",)
ONNX = ("onnx", "onnxruntime")


class TorchService:
    """A torch module behind two stages.

    Args:
        module: From rows to rows.
        width: Of a row.
        rows: In a request.
        mode: The context in which the module is called.
    """

    def __init__(self, module: Any, width: int, rows: int, mode: Any = None) -> None:
        import torch

        self.module = module
        self.mode = torch.inference_mode if mode is None else mode
        self.ready = [
            torch.full((rows, width), seed / 7, dtype=next(module.parameters()).dtype)
            for seed in range(8)
        ]

    def assemble(self, seed: int) -> Any:
        return self.ready[seed % 8].clone()

    def infer(self, rows: Any) -> Any:
        with self.mode():
            return self.module(rows)

    def report(self, rows: Any) -> float:
        return float(rows.detach().sum())

    def predict(self, seed: int) -> float:
        return self.report(self.infer(self.assemble(seed)))


TORCH_STAGES = {"assemble": "assemble", "infer": "infer", "report": "report"}


# Its hundreds of small layers are eager in either arm: traced and frozen, they take a third.
@planted("autograd_enabled", stages="infer", gain=0.5, innocent=("eager_model",), needs=TORCH)
def gradients_kept(fixed: bool) -> Iterator[Arm]:
    """The graph for a backward pass is recorded in each request."""
    mode = None if fixed else contextlib.nullcontext
    yield Arm(TorchService(torch_mlp(64, 150), 64, 4, mode), TORCH_STAGES, range(16))


@planted("float64_model", stages="infer", gain=0.5, needs=TORCH)
def double_module(fixed: bool) -> Iterator[Arm]:
    """A torch module was converted to float64 with the data that it was trained on."""
    module = torch_mlp(500, 6)
    service = TorchService(module if fixed else module.double(), 500, 24)
    yield Arm(service, TORCH_STAGES, range(16))


class SessionService:
    """A session of ONNX Runtime behind two stages.

    Args:
        model: An ONNX file, as bytes.
        width: Of a row.
        dtype: Of its input.
        one_by_one: Whether it is called for each row, and not for all.
    """

    def __init__(
        self, model: bytes, width: int, dtype: type = np.float32, *, one_by_one: bool = False
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options)
        self.width, self.dtype, self.one_by_one = width, dtype, one_by_one

    def build(self, rows: int) -> np.ndarray:
        return np.full((rows, self.width), 0.5, self.dtype)

    def rescore(self, rows: np.ndarray) -> np.ndarray:
        batches = np.split(rows, len(rows)) if self.one_by_one else [rows]
        return np.concatenate([self.session.run(None, {"rows": each})[0] for each in batches])

    def select(self, rows: np.ndarray) -> int:
        return int(rows.sum(axis=1).argmax())

    def predict(self, rows: int) -> int:
        return self.select(self.rescore(self.build(rows)))


SESSION_STAGES = {"build": "build", "rescore": "rescore", "select": "select"}


@planted("float64_model", stages="rescore", gain=0.5, needs=ONNX)
def double_session(fixed: bool) -> Iterator[Arm]:
    """The weights of an ONNX model are float64, as numpy made them."""
    dtype = np.float32 if fixed else np.float64
    service = SessionService(onnx_mlp(400, 6, dtype), 400, dtype)
    yield Arm(service, SESSION_STAGES, [40] * 8)


@planted("unbatched_calls", stages="rescore", gain=0.5, needs=ONNX)
def session_called_for_each_row(fixed: bool) -> Iterator[Arm]:
    """A session is called once for each of 96 candidates of a request."""
    service = SessionService(onnx_mlp(128, 4), 128, one_by_one=not fixed)
    yield Arm(service, SESSION_STAGES, [96] * 8)


class Reranker(TorchService):
    """Scores the candidates of a request one after the other."""

    def infer(self, rows: Any) -> Any:
        import torch

        with self.mode():
            return torch.cat([self.module(row) for row in rows.split(1)])


@planted("unbatched_calls", stages="score", gain=0.5, needs=TORCH)
def module_called_for_each_row(fixed: bool) -> Iterator[Arm]:
    """A torch module is called once for each of 64 candidates of a request."""
    service = (TorchService if fixed else Reranker)(torch_mlp(200, 5), 200, 64)
    yield Arm(service, {"gather": "assemble", "score": "infer", "top": "report"}, range(16))


@planted("eager_model", stages="infer", gain=0.5, needs=TORCH)
def many_small_operations(fixed: bool) -> Iterator[Arm]:
    """A module of a thousand small operations is run one by one; traced and frozen, they fuse."""
    import torch

    class Steps(torch.nn.Module):
        """A recurrence that is written out."""

        def __init__(self) -> None:
            super().__init__()
            self.mix = torch.nn.Linear(16, 16)

        def forward(self, rows: Any) -> Any:
            for _ in range(60):
                gate = torch.sigmoid(rows * 1.5 + 0.1)
                rows = gate * torch.tanh(rows + 0.2) * 0.9 + (1 - gate) * rows * 0.8
            return self.mix(rows)

    module: Any = Steps().eval()
    service = TorchService(module, 16, 2)
    if fixed:
        with torch.inference_mode():
            service.module = torch.jit.freeze(torch.jit.trace(module, service.ready[0]))
            for _ in range(20):  # it fuses once it has seen a few calls
                service.module(service.ready[0])
    yield Arm(service, TORCH_STAGES, range(16))


class Compiled:
    """A module compiled for the shapes that it meets.

    Args:
        pad_to: Rows to which each request is padded, so that there is one shape.
    """

    def __init__(self, pad_to: int | None) -> None:
        import torch

        self.pad_to = pad_to
        torch._dynamo.reset()
        torch._dynamo.config.cache_size_limit = 1000
        self.module = torch.compile(torch_mlp(96, 6), backend="aot_eager", dynamic=False)

    def batch(self, rows: int) -> Any:
        import torch

        return torch.ones(self.pad_to or rows, 96)

    def run(self, rows: Any) -> Any:
        import torch

        with torch.inference_mode():
            return self.module(rows)

    def predict(self, rows: int) -> float:
        return float(self.run(self.batch(rows)).sum())


@planted("recompilation", stages="run", needs=TORCH)
def compiled_for_each_shape(fixed: bool) -> Iterator[Arm]:
    """A module is compiled anew for each number of rows, and one request in ten has a new one."""
    inputs: Sequence[int] = [2 + index // 10 if index % 10 == 0 else 1 for index in range(1500)]
    service = Compiled(200 if fixed else None)
    scenario = lp.SingleStream(duration=SECONDS)
    yield Arm(service, {"batch": "batch", "run": "run"}, inputs, scenario)
