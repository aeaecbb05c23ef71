from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from latprof.backends.gpu import cuda as cuda_module
from latprof.backends.gpu.cuda import CudaStream

STREAM = SimpleNamespace(cuda_stream=99)


class Torch:
    """What is called of torch, and a record of it."""

    def __init__(self):
        self.log = []
        self.cuda = SimpleNamespace(
            Stream=lambda device: STREAM,
            stream=contextlib.nullcontext,
            CUDAGraph=lambda: SimpleNamespace(replay=lambda: self.log.append("replay")),
            graph=self.graph,
            Event=self.event,
            get_device_properties=lambda device: SimpleNamespace(
                name="H", uuid="0-1", major=9, minor=0
            ),
        )

    @contextlib.contextmanager
    def graph(self, graph, stream, capture_error_mode):
        assert capture_error_mode == "thread_local"
        self.log.append(("begin", stream))
        try:
            yield
        finally:
            self.log.append("end")

    def event(self, *, enable_timing):
        name = len([each for each in self.log if each == "event"])
        self.log.append("event")
        return SimpleNamespace(
            record=lambda stream: self.log.append((name, stream)),
            synchronize=lambda: self.log.append("wait"),
            elapsed_time=lambda other: 1.5,
        )

    def empty(self, shape, *, dtype, pin_memory):
        return shape, dtype, pin_memory


@pytest.fixture
def torch():
    return Torch()


def test_the_stream_is_the_one_given_to_torch(torch):
    waits = []
    STREAM.synchronize = lambda: waits.append(1)
    made = CudaStream(torch, "cuda:1")
    with made.current() as current:
        assert current is STREAM
    made.synchronize()
    assert (made.handle, made.gpu, waits) == (99, "H 0-1 sm90", [1])


def test_the_clock_marks_this_stream(torch, monkeypatch):
    monkeypatch.setattr(cuda_module, "device_clock", lambda *args: args)
    assert CudaStream(torch, "cuda:1").clock() == (torch, "cuda:1", STREAM)


def test_memory_on_the_host_is_pinned(torch):
    assert CudaStream(torch, "cuda").host((2, 3), "f") == ((2, 3), "f", True)


def test_a_graph_is_captured_on_this_stream_and_replayed(torch):
    replay = CudaStream(torch, "cuda").capture(lambda: torch.log.append("work"))
    assert torch.log == [("begin", STREAM), "work", "end"]
    replay()
    assert torch.log[-1] == "replay"


def test_a_capture_that_fails_is_ended(torch):
    def fail():
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        CudaStream(torch, "cuda").capture(fail)
    assert torch.log == [("begin", STREAM), "end"]


def test_time_is_that_between_two_events(torch):
    took_ns = CudaStream(torch, "cuda").timed_ns(lambda: torch.log.append("work"))
    assert took_ns == 1_500_000
    assert torch.log[2:] == [(0, STREAM), "work", (1, STREAM), "wait"]
