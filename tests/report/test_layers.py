from __future__ import annotations

import json

import pytest

from latprof.analysis.ops import Tensor
from latprof.analysis.summary.layer import Layer, Layers, build
from latprof.report.layers import document, layers_data
from latprof.report.markdown import markdown
from latprof.report.terminal import text

ROW = (Tensor("float32", (1, 64)),)


def layer(name, op_type="Linear", macs=0, parameters=0):
    weights = (Tensor("float32", (parameters,)),) if parameters else ()
    return Layer(name, op_type, ROW, ROW, weights, macs)


def table(*layers, notes=()):
    return build(Layers("net", "eager", layers, notes))


NETWORK = table(
    layer("alpha", macs=1_000_000, parameters=4096),
    layer("activation", "ReLU"),
    layer("omega", macs=3_000_000, parameters=2048),
    notes=("batch is 1",),
)


def test_totals_come_first_and_the_heaviest_layer_before_others():
    screen = text(document(NETWORK))
    assert "6,144, 24.0 KiB" in screen
    assert "4,000,000 in one call" in screen
    assert screen.index("omega") < screen.index("alpha") < screen.index("activation")
    assert "75.0 %" in next(line for line in screen.splitlines() if "omega" in line)
    assert "Batch is 1." in screen


def test_layers_that_are_not_named_are_summed_up():
    screen = text(document(NETWORK, top=1))
    rest = next(line for line in screen.splitlines() if line.startswith("2 layers more"))
    assert "1.00 M" in rest
    assert "4.10 k" in rest


def test_all_layers_come_in_their_order():
    screen = text(document(NETWORK, top=None))
    assert screen.index("alpha") < screen.index("activation") < screen.index("omega")
    assert "more" not in screen


def test_many_types_are_summed_up():
    layers = [layer(f"l{i}", f"Type{i}", macs=i) for i in range(9)]
    screen = text(document(table(*layers)))
    assert "3 types more" in screen


def test_what_is_unknown_is_a_dash_and_the_total_a_lower_bound():
    screen = text(document(table(layer("odd", "Einsum", None), layer("known", macs=10))))
    assert "–" in next(line for line in screen.splitlines() if line.strip().startswith("odd"))
    assert "lower bound" in screen


def test_data_is_json():
    data = layers_data(table(layer("odd", "Einsum", None), layer("known", macs=10)))
    assert json.loads(json.dumps(data, allow_nan=False))["layers"][0]["macs"] is None
    assert data["layers"][1]["bytes"] == 2 * 64 * 4
    assert data["macs"] == 10


@pytest.mark.parametrize("width", [60, 80, 200])
def test_hostile_names_are_harmless_at_any_width(width):
    found = document(table(layer("<b>\x1b[2J|x", "a\nb", macs=1)))
    assert "\x1b" not in text(found, width)
    assert "<b>" not in markdown(found)
