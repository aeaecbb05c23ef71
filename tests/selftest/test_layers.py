from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from latprof.selftest import layers
from latprof.selftest.bench import Bench
from latprof.selftest.outcome import State


class Timed:
    """A model whose layers' times are made up."""

    def __init__(self, ratio):
        self._ratio = ratio

    def layers(self, inputs):
        return SimpleNamespace(layers=("a", "b"), forward_ns=100.0, ratio=self._ratio)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize(
    ("ratio", "state", "warns"),
    [
        (1.0, State.PASS, False),
        (0.69, State.PASS, True),
        (1.31, State.PASS, True),
        (0.0, State.FAIL, False),
    ],
)
def test_outside_of_the_bounds_it_warns_and_without_times_it_fails(
    bench, monkeypatch, ratio, state, warns
):
    table = pd.DataFrame()
    table.attrs = {"inflation": 2.0}
    monkeypatch.setattr(layers, "live_ops", lambda *_: table)
    asked = []

    def load(*_, **options):
        asked.append(options["aux_streams"])
        return Timed(ratio)

    outcome = layers.layers_add_up(Bench(bench.torch, bench.device, bench.folder, load))
    assert (outcome.state, bool(outcome.warnings)) == (state, warns)
    assert asked == [0]
    assert outcome.measured["profiler_inflation"] == 2.0
