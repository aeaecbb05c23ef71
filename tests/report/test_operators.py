"""The screen of operators, from tables whose contents are known."""

from __future__ import annotations

import json

import pytest

from latprof.analysis.ops import Ceilings, Tensor, compare_ops, lint, roofline
from latprof.analysis.ops.operator import Operator, Profile
from latprof.analysis.ops.table import build
from latprof.report.document import Notice
from latprof.report.markdown import markdown
from latprof.report.operatordata import as_data
from latprof.report.operators import Operators, document
from latprof.report.terminal import text
from latprof.run.model import Verdict

MS = 1_000_000
SQUARE = (Tensor("float32", (512, 512)),)


def operator(name, op_type, time_ms, *, device="cpu", **fields):
    time_ns = None if time_ms is None else time_ms * MS
    return Operator(
        name, op_type, time_ns, 10, SQUARE * 2, SQUARE, device=device, origins=(name,), **fields
    )


def known(*operators, run_ms=20.0, notes=(), **more):
    run_ns = None if run_ms is None else run_ms * MS
    table = build(Profile("onnxruntime", operators, 10, 12, run_ns, notes=notes))
    return Operators("net.onnx", table, lint(table), **more)


LAYERS = (
    operator("/block/first/MatMul", "MatMul", 9.0),
    operator("/block/second/MatMul", "MatMul", 3.0),
    operator("/block/Add", "Add", 4.0),
)


def rows(screen):
    return {line.split()[0]: line for line in screen.splitlines() if line.strip()}


def test_the_screen_names_what_takes_the_time_first():
    screen = text(document(known(*LAYERS)))
    assert max(map(len, screen.splitlines())) <= 80
    assert "80.0 % of the run" in screen
    assert "No hazard found" in screen
    places = [screen.index(name) for name in ("first/MatMul", "/block/Add", "second/MatMul")]
    assert places == sorted(places)
    assert "56.2 %" in rows(screen)["/block/first/MatMul"]
    by_type = screen[screen.index("By type") :]
    assert "75.0 %" in rows(by_type)["MatMul"]
    assert "16.0" in rows(screen)["total"]


def test_what_is_not_named_is_one_row_and_the_total_stays():
    screen = text(document(known(*LAYERS), top=1))
    assert "2 more operators" in screen
    assert "16.0" in rows(screen)["total"]
    assert "/block/Add" not in screen


def test_a_long_name_keeps_its_end():
    path = "/encoder/layers.11/self_attention/output/dense/MatMul"
    screen = text(document(known(operator(path, "MatMul", 1.0))))
    assert "output/dense/MatMul" in screen
    assert "layers.11" not in screen


def test_the_cost_of_the_profiler_is_on_the_screen():
    operators = known(*LAYERS)
    attrs = {"rescaled": True, "inflation": 1.5, "inflation_low": 1.4, "inflation_high": 1.7}
    operators.table.attrs.update(attrs)
    assert "1.50 times that [1.40, 1.70] with the profiler" in text(document(operators), 120)


def test_hazards_come_with_evidence_and_mitigation():
    copy = operator("copy", "Reformat", 2.0, device="gpu")
    found = document(known(*LAYERS, copy))
    notice = next(block for block in found.blocks if isinstance(block, Notice))
    assert notice.severity is Verdict.WARN
    (said, mitigation), *others = notice.items
    assert said.startswith("copies that only change layout")
    assert "2.00 ms" in said
    assert mitigation.startswith("Give inputs")
    assert others == []


def test_what_holds_operators_back_is_weighed_by_time():
    operators = known(*LAYERS)
    found = roofline(operators.table, Ceilings(1e12, 1e11))
    screen = text(document(Operators("n", operators.table, [], found)))
    assert "compute-bound  75.0 %" in screen
    assert "25.0 % memory-bound" in screen
    assert "1,000 GFLOP/s, 100 GB/s" in " ".join(screen.split())
    first = next(line for line in screen.splitlines() if "first/MatMul" in line)
    assert "compute" in first
    assert "3.0 %" in first  # 2 * 512**3 operations at 1e12 a second, of 9 ms
    assert max(map(len, screen.splitlines())) <= 80


def test_without_known_operations_nothing_is_claimed():
    operators = known(operator("a", "Unheard", 1.0))
    found = roofline(operators.table, Ceilings(1e12, 1e11))
    screen = text(document(Operators("n", operators.table, [], found)))
    assert "no operator whose operations and bytes are known" in screen


def test_devices_have_tables_of_their_own_the_busier_first():
    kernel = operator("gemm", "aten::mm", 30.0, device="gpu")
    screen = text(document(known(*LAYERS, kernel)))
    assert screen.index("on the GPU: ") < screen.index("on the CPU: ")
    assert "on the GPU  30.0 ms" in screen


def test_a_comparison_shows_the_largest_difference_first():
    other = build(
        Profile(
            "openvino",
            (
                operator("/block/first/MatMul", "MatMul", 2.0),
                operator("/block/second/MatMul", "MatMul", 3.5),
                operator("new", "Copy", 1.0),
            ),
            1,
            1,
        )
    )
    base = known(*LAYERS)
    compared = compare_ops(base.table, other)
    screen = text(document(Operators("n", base.table, [], None, "openvino", compared)))
    assert "against openvino" in screen
    assert "4.50 ×" in rows(screen)["/block/first/MatMul"]
    assert "−7.00" in rows(screen)["/block/first/MatMul"]
    assert "+1.00" in rows(screen)["new"]
    assert "2.46 ×" in rows(screen)["total"]
    assert screen.index("first/MatMul") < screen.index("/block/Add") < screen.index("new")


def test_layers_without_times_are_listed():
    layers = [operator(f"layer{i}", "Conv", None) for i in range(12)]
    screen = text(document(known(*layers, run_ms=None)))
    assert "no times in the file" in screen
    assert "512x512, 512x512 → 512x512" in screen
    assert "2 more operators" in screen


def test_operators_of_one_name_are_told_apart_by_their_shapes():
    screen = text(document(known(operator("aten::mm", "aten::mm", 1.0))))
    assert "512x512, 512x512 → 512x…" in screen
    assert max(map(len, screen.splitlines())) <= 80


HOSTILE = "<script>\x1b[2J|**x**\nnext"


def test_hostile_names_are_harmless_in_every_spelling():
    found = document(known(operator(HOSTILE, HOSTILE, 1.0), notes=(HOSTILE,)))
    assert "\x1b" not in text(found)
    assert "<script>" not in markdown(found)


def test_data_is_json_whatever_is_missing():
    operators = known(*LAYERS, operator("late", "Unheard", None), run_ms=None)
    found = roofline(operators.table, Ceilings(1e12, 1e11))
    compared = compare_ops(operators.table.dropna(subset=["time_ns"]), operators.table[:2])
    data = as_data(Operators("n", operators.table, operators.hazards, found, "o", compared))
    text_ = json.dumps(data, allow_nan=False)
    assert json.loads(text_) == data
    first = data["operators"][0]
    assert first["time_ns"] == 9 * MS
    assert first["inputs"][0] == {"dtype": "float32", "shape": [512, 512], "layout": None}
    assert data["operators"][3]["time_ns"] is None
    assert data["ceilings"] == {"flops_per_s": 1e12, "bytes_per_s": 1e11}
    assert data["facts"]["runs"] == 10


@pytest.mark.parametrize("width", [40, 60, 200])
def test_the_screen_is_drawn_at_any_width(width):
    assert "MatMul" in text(document(known(*LAYERS)), width)
