from __future__ import annotations

import pandas as pd
import pytest

from latprof.selftest import layers
from latprof.selftest.bench import Bench
from latprof.selftest.outcome import State


def test_operators_are_set_beside_a_forward_pass(bench, monkeypatch):
    """For real with the profiler of ONNX Runtime on the CPU."""
    monkeypatch.setattr(layers, "RUNS", 5)
    bench.device.name = "cpu"
    on_cpu = Bench(bench.torch, bench.device, bench.folder)
    outcome = layers.layers_add_up(on_cpu, "onnxruntime")
    assert outcome.state is State.PASS
    measured = outcome.measured
    assert measured["sum_of_forward"] == pytest.approx(measured["sum_ns"] / measured["forward_ns"])
    in_bounds = layers.LOW <= measured["sum_of_forward"] <= layers.HIGH
    assert bool(outcome.warnings) != in_bounds


@pytest.mark.parametrize(
    ("total_ns", "state", "warns"),
    [
        (50, State.PASS, False),
        (20, State.PASS, True),
        (90, State.PASS, True),
        (0, State.FAIL, True),
    ],
)
def test_outside_of_the_bounds_it_warns_and_without_times_it_fails(
    bench, monkeypatch, total_ns, state, warns
):
    table = pd.DataFrame({"name": ["a", "b"]})
    table.attrs = {"inflation": 2.0, "total_ns": total_ns}
    monkeypatch.setattr(layers, "live_ops", lambda *_: table)
    monkeypatch.setattr(layers, "_forward_ns", lambda *_: 100.0)
    outcome = layers.layers_add_up(bench)
    assert (outcome.state, bool(outcome.warnings)) == (state, warns)
