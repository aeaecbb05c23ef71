"""A bench on the simulated accelerator, with stand-ins for ONNX Runtime and TensorRT on it."""

from __future__ import annotations

import pytest

from latprof.selftest.bench import Bench
from latprof.selftest.device import Device

from .standin import loading

torch = pytest.importorskip("torch", reason="the checks stand on torch")
pytest.importorskip("onnx", reason="torch exports the test networks with onnx")
pytest.importorskip("onnxruntime", reason="it computes the stand-ins' answers")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where networks are exported to, once."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def make(accelerator, folder):
    """Make a bench on the simulated accelerator, whose "cycles" are nanoseconds."""

    def bench(**options):
        device = Device(torch, "simulated:0", spin=accelerator.launch)
        return Bench(torch, device, folder, load=loading(**options))

    return bench


@pytest.fixture
def bench(make):
    return make()
