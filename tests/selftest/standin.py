"""A model in three stages that computes with ONNX Runtime on the CPU, right or with a fault."""

from __future__ import annotations

import threading

import numpy as np

from latprof.backends.model import DeviceModel
from latprof.backends.registry import load_model


class StandIn(DeviceModel):
    """Computes what it was given; `fault` is what it does to the answer of a call."""

    backend = "tensorrt"

    def __init__(self, file, fault=lambda answer, _calls: answer):
        self._model, self._fault, self._calls = load_model(file, threads=1), fault, 0
        self._lock = threading.Lock()
        super().__init__(self._model.inputs)

    def h2d(self, inputs):
        return {name: array.copy() for name, array in inputs.items()}

    def forward(self, inputs):
        return self._model.forward(inputs)

    def d2h(self, outputs):
        with self._lock:
            self._calls += 1
        return {name: self._fault(array, self._calls) for name, array in outputs.items()}

    def describe(self):
        return self._model.describe()

    def placement(self, inputs):
        return self._model.placement(inputs)


def loading(*, absent=(), **faults):
    """Return a `load_model` that gives stand-ins to all but torch.

    Args:
        absent: Backend to the error that loading it raises.
        faults: Backend to a fault.
    """

    def load(source, backend="onnxruntime", device="cpu", **options):
        if backend in absent:
            raise absent[backend]
        if backend == "torch":
            return load_model(source, backend, device=device, **options)
        if device == "cuda:99":
            return load_model(source, backend, device=device)
        return StandIn(source, faults.get(backend, lambda answer, _calls: answer))

    return load


def off(share):
    """Return a fault that makes answers wrong by a share."""
    return lambda answer, _calls: answer * np.float32(1 + share)
