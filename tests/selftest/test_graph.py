"""The capture itself is CUDA's: what is held here is what is made of it."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from latprof.errors import BackendUnavailable
from latprof.selftest import graph
from latprof.selftest.outcome import State

torch = pytest.importorskip("torch", reason="the checks stand on torch")


class Cuda:
    """CUDA's streams and graphs, as the simulated accelerator can play them."""

    def __init__(self, device, *, refuses=False):
        self._device, self._refuses, self.captured_on = device, refuses, None
        self.CUDAGraph = lambda: SimpleNamespace(replay=lambda: None)

    def Stream(self, place):  # noqa: N802 - its name
        return self._device.stream

    def stream(self, stream):
        return stream

    @contextlib.contextmanager
    def graph(self, graph, stream=None):
        self.captured_on = stream
        if self._refuses:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        yield


@pytest.fixture
def captured(make, monkeypatch):
    monkeypatch.setattr(graph, "RUNS", 3)

    def check(times=(10, 5), equal=torch.equal, **options):
        bench = make(absent={"tensorrt": BackendUnavailable("no driver")})
        cuda, medians = Cuda(bench.device, **options), iter(times or ())
        names = ("inference_mode", "from_numpy", "random", "nn", "default_generator")
        fake = {name: getattr(torch, name) for name in names}
        bench.torch = SimpleNamespace(cuda=cuda, equal=equal, **fake)
        if times:
            monkeypatch.setattr(graph, "_median_ns", lambda *_: next(medians))
        return graph.graph_replays(bench), cuda

    return check


def test_it_is_captured_on_the_stream_that_it_is_replayed_on(captured):
    outcome, cuda = captured(times=None)
    assert cuda.captured_on is cuda.Stream(None)
    assert outcome.measured["torch"].keys() == {"plain_ns", "replay_ns"}


def test_the_same_answers_sooner_pass(captured):
    outcome, _ = captured()
    assert outcome.state is State.PASS
    assert outcome.finding == "the same answers; torch 10.0 ns plain, 5.00 ns replayed"
    assert list(outcome.warnings) == ["tensorrt is not tried: no driver"]


def test_other_answers_fail(captured):
    outcome, _ = captured(equal=lambda *_: False)
    assert outcome.state is State.FAIL
    assert outcome.finding == "torch: the graph's answers are not those of the plain run"


@pytest.mark.parametrize(("replay", "state"), [(105, State.PASS), (106, State.FAIL)])
def test_a_slower_replay_fails(captured, replay, state):
    assert captured(times=(100, replay))[0].state is state


def test_a_refused_capture_fails_with_the_reason(captured):
    outcome, _ = captured(refuses=True)
    assert outcome.state is State.FAIL
    assert outcome.finding == (
        "torch: capture is refused: operation not permitted when stream is capturing"
    )
