"""TensorRT's stages on an accelerator that works later, as a GPU does: it is simulated."""

from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.recording.deviceclock import device_clock

from .conftest import relu

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from .gpu_double import BATCHES, Stream, engine_model  # noqa: E402 - it needs both

DEVICE = "simulated:0"  # torch knows it once it is built
MS = 1_000_000


class SimulatedStream(Stream):
    """A stream whose copies and kernels are done by a thread of its own, in their order."""

    def __init__(self):
        super().__init__()
        self._stream = torch.Stream(torch.device(DEVICE))

    def clock(self):
        return device_clock(torch, torch.device(DEVICE), self._stream)

    def current(self):
        return self._stream

    def synchronize(self):
        super().synchronize()
        self._stream.synchronize()


@pytest.fixture
def model(accelerator, dense):
    """A model whose engine takes 2 ms; it reads and writes memory of the device."""
    stream = SimulatedStream()
    model, trt = engine_model(dense, stream=stream, device=DEVICE, profiles=(BATCHES,))

    def enqueue():  # the double computes on the host: only once the device has the inputs
        stream._stream.synchronize()
        accelerator.launch(2 * MS)

    trt.on_enqueue = enqueue
    model.stream = stream
    return model


def test_answers_are_those_of_each_call(model, x):
    for batch in (x, -x, x[:1], x):
        np.testing.assert_allclose(model({"x": batch})["y"], relu(batch), rtol=1e-6)


def test_stages_have_times_on_the_device(model, x):
    model({"x": x})
    waits = model.stream.waits
    run = lp.profile(model, [{"x": x}] * 5, warmup=0, progress=False, signals=False)
    assert model.stream.waits == waits + 5
    assert "events" in model.describe()["timing"]
    assert run.stages == ["h2d", "forward", "d2h"]
    spans = run.spans
    assert spans["device_ns"].notna().all()
    assert (spans["issue_ns"] > 0).all()
    assert (spans.loc[spans["stage"] == "forward", "device_ns"] >= 2 * MS).all()
    device_ns = spans.groupby("request_id")["device_ns"].sum().to_numpy()
    assert (device_ns <= run.requests["finished_ns"] - run.requests["started_ns"]).all()
