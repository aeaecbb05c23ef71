"""The checks on latprof's own TensorRT backend, over the double of TensorRT: see its tests."""

from __future__ import annotations

import pytest

from latprof.backends.registry import load_model
from latprof.selftest import graph, layers, lifetime, networks, outputs, parity
from latprof.selftest.bench import Bench
from latprof.selftest.outcome import State

pytest.importorskip("torch", reason="the checks stand on torch")
pytest.importorskip("onnxruntime", reason="it computes for the double")
from ..backends.gpu_double import Recycling, Stream, engine_model  # noqa: TID252 - another room's


@pytest.fixture
def engines(bench, monkeypatch):
    """Make a bench whose engines run on the double; the device under test stays simulated."""
    for module, name in ((graph, "RUNS"), (lifetime, "ROUNDS"), (lifetime, "CALLS")):
        monkeypatch.setattr(module, name, 2)

    def make(*faults, stream=Stream):
        def load(source, backend, device, **options):
            if backend != "tensorrt":
                return load_model(source, backend, device=device)
            shapes = options.pop("shapes")
            model, _ = engine_model(
                source, *faults, stream=stream(), memory=Recycling(), profiles=(shapes,), **options
            )
            return model

        return Bench(bench.torch, bench.device, bench.folder, load)

    return make


def test_answers_agree(engines):
    assert parity.answers_agree(engines(), ("tensorrt",)).state is State.PASS


def test_an_output_sized_by_the_data_arrives(engines):
    outcome = outputs.sized_by_data(engines())
    assert outcome.state is State.PASS, outcome.finding
    assert len(set(outcome.measured["places"])) > 1


def test_inputs_outlive_their_use_in_memory_that_is_given_away(engines):
    outcome = lifetime.inputs_outlive_their_use(engines(), ("tensorrt",))
    assert outcome.state is State.PASS, outcome.finding


def test_layers_have_times(engines):
    outcome = layers.layers_add_up(engines())
    assert outcome.measured["layers"] == 3
    assert outcome.measured["sum_of_forward"] > 0


def test_an_engine_is_replayed(engines):
    found, problems, warnings = graph._engine(engines())
    assert found.keys() == {"plain_ns", "replay_ns"}
    assert not [problem for problem in problems if "answers" in problem]
    assert not warnings


def test_a_capture_that_fails_is_a_warning_with_the_reason(engines):
    def refuse():
        raise RuntimeError("operation not permitted")

    found, problems, warnings = graph._engine(engines(stream=lambda: Stream(refuse)))
    assert (found, problems) == ({}, [])
    assert warnings == ["tensorrt replays no graph: capture failed: operation not permitted"]


def test_a_network_has_one_input_of_the_name_that_profiles_use(engines):
    with engines().model("tensorrt", "cnn") as model:
        assert [spec.name for spec in model.inputs] == [networks.INPUT]
