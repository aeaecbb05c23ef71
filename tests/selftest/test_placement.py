from __future__ import annotations

import pytest

from latprof.backends.registry import load_model
from latprof.errors import FallbackDetected
from latprof.selftest import networks, placement
from latprof.selftest.bench import Bench
from latprof.selftest.outcome import State


class Elsewhere:
    """A session's model that computes elsewhere than it was asked to."""

    def __init__(self, model, actual, nodes):
        self._model, self._actual, self._nodes = model, actual, nodes
        self.inputs = model.inputs

    def describe(self):
        said = self._model.describe()
        return said | {"providers": {"asked": ["CUDA"], "actual": [self._actual]}}

    def placement(self, inputs):
        if self._nodes:
            raise FallbackDetected("asked for CUDA", self._nodes)
        return self._model.placement(inputs)

    def close(self):
        self._model.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def on_cpu(bench):
    """A bench that loads for real: asked for the CPU, ONNX Runtime computes there."""
    return Bench(bench.torch, bench.device, bench.folder)


def test_where_it_computes_is_what_was_asked(on_cpu):
    outcome = placement.no_fallback(on_cpu, "cpu")
    assert outcome.state is State.PASS
    assert set(outcome.measured) == set(networks.NETWORKS)
    assert all(found["nodes"] > 0 for found in outcome.measured.values())
    assert "on CPUExecutionProvider and none elsewhere; cuda:99 is refused" in outcome.finding


@pytest.mark.parametrize(
    ("actual", "nodes", "problem"),
    [
        ("CPU", (), "mlp: asked for CUDA, got CPU"),
        ("CUDA", ("add (Add)",), "cnn: elsewhere run add (Add)"),
    ],
)
def test_what_runs_elsewhere_is_named(bench, actual, nodes, problem):
    def load(source, backend, device, **options):
        if device == placement.NOWHERE:
            return load_model(source, backend, device=device)
        return Elsewhere(load_model(source, backend, threads=1), actual, nodes)

    outcome = placement.no_fallback(Bench(bench.torch, bench.device, bench.folder, load))
    assert outcome.state is State.FAIL
    assert problem in outcome.finding


def test_a_device_that_is_not_there_must_be_refused(bench):
    def load(source, backend, device, **options):
        return load_model(source, backend, threads=1)

    outcome = placement.no_fallback(Bench(bench.torch, bench.device, bench.folder, load))
    assert outcome.state is State.FAIL
    assert "a session on cuda:99, which does not exist, was made" in outcome.finding


def test_a_network_that_is_refused_does_not_hide_the_others(bench):
    def load(source, backend, device, **options):
        if device == placement.NOWHERE:
            return load_model(source, backend, device=device)
        if source.stem == "cnn":
            raise FallbackDetected("1 of 7 nodes run elsewhere")
        return Elsewhere(load_model(source, backend, threads=1), "CUDA", ())

    outcome = placement.no_fallback(Bench(bench.torch, bench.device, bench.folder, load))
    assert outcome.state is State.FAIL
    assert outcome.finding == "cnn: 1 of 7 nodes run elsewhere"
    assert set(outcome.measured) == {"mlp", "transformer"}


def test_no_network_computes_sizes_which_providers_leave_to_the_cpu(bench):
    onnx = pytest.importorskip("onnx", reason="it reads what torch exported")
    for name in networks.NETWORKS:
        nodes = onnx.load(bench.file(name)).graph.node
        assert not {"Shape", "Slice", "Concat", "Gather"} & {node.op_type for node in nodes}
