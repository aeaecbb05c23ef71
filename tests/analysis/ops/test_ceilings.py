from __future__ import annotations

import math

import pandas as pd
import pytest

from latprof.analysis.ops import Ceilings, Tensor, measure_ceilings, roofline
from latprof.analysis.ops.operator import Operator, Profile
from latprof.analysis.ops.table import build
from latprof.errors import UsageError


def f32(*shape):
    return Tensor("float32", shape)


def flops(op_type, inputs=(), outputs=(), weights=()):
    operator = Operator(op_type, op_type, 1000.0, 1, inputs, outputs, weights)
    found = roofline(build(Profile("test", (operator,), 1, 1)), Ceilings(1e9, 1e9))
    return found["flops"].iloc[0] if len(found) else None


@pytest.mark.parametrize(
    ("op_type", "inputs", "outputs", "weights", "expected"),
    [
        ("Conv", (f32(1, 3, 8, 8), f32(16, 3, 3, 3)), (f32(1, 16, 8, 8),), (), 2 * 1024 * 27),
        # Grouped: each output channel has the weights of its own group only.
        ("Conv", (f32(1, 16, 8, 8), f32(16, 1, 3, 3)), (f32(1, 16, 8, 8),), (), 2 * 1024 * 9),
        ("Convolution", (f32(1, 3, 8, 8),), (f32(1, 16, 8, 8),), (f32(432),), 2 * 1024 * 27),
        ("MatMul", (f32(4, 8), f32(8, 16)), (f32(4, 16),), (), 2 * 4 * 8 * 16),
        ("MatMul", (f32(4, 8),), (f32(4, 16),), (), 2 * 4 * 8 * 16),
        ("MatMul", (f32(2, 4, 8), f32(8, 16)), (f32(2, 4, 16),), (), 2 * 2 * 4 * 8 * 16),
        ("MatMul", (f32(4, 8), f32(2, 8, 16)), (f32(2, 4, 16),), (), 2 * 2 * 4 * 8 * 16),
        ("aten::addmm", (f32(16), f32(4, 8), f32(8, 16)), (), (), 2 * 4 * 8 * 16),
        ("aten::bmm", (f32(3, 4, 8), f32(3, 8, 16)), (), (), 2 * 3 * 4 * 8 * 16),
        ("Add", (f32(4, 8), f32(8)), (f32(4, 8),), (), 32),
        ("Reshape", (f32(4, 8),), (f32(32),), (), 0),
        ("Conv", (f32(1, 3, -1, 8), f32(16, 3, 3, 3)), (f32(1, 16, -1, 8),), (), None),
        ("Conv", (f32(1, 3, 8, 8),), (), (), None),
        ("MatMul", (), (), (), None),
        ("aten::mm", (f32(4, 8),), (), (), None),
        ("Myelin", (f32(4, 8),), (f32(4, 8),), (), None),
    ],
)
def test_operations_follow_from_the_shapes(op_type, inputs, outputs, weights, expected):
    assert flops(op_type, inputs, outputs, weights) == expected


def test_bound_and_efficiency_follow_from_the_ceilings():
    matmul = Operator("m", "MatMul", 2000.0, 4, (f32(64, 64), f32(64, 64)), (f32(64, 64),))
    add = Operator("a", "Add", 1000.0, 2, (f32(64, 64),), (f32(64, 64),))
    table = build(Profile("test", (matmul, add), 2, 2))
    found = roofline(table, Ceilings(flops_per_s=1e12, bytes_per_s=1e11)).set_index("name")
    assert found["bound"].to_dict() == {"m": "compute", "a": "memory"}
    operations, moved = 2 * 2 * 64**3, 2 * 4096 * 4
    assert found.loc["m", "flops"] == operations
    assert found.loc["m", "roof_ns"] == pytest.approx(operations / 1e12 * 1e9)
    assert found.loc["a", "roof_ns"] == pytest.approx(moved / 1e11 * 1e9)
    assert found.loc["m", "efficiency"] == pytest.approx(found.loc["m", "roof_ns"] / 2000)
    assert found.loc["a", "bytes_per_s"] == pytest.approx(moved / 1e-6)


def test_without_bytes_nothing_is_said_about_the_bound():
    mm = Operator("m", "aten::mm", 2000.0, 1, (f32(4, 8), f32(8, 4)))
    found = roofline(build(Profile("torch", (mm,), 1, 1)), Ceilings(1e12, 1e11))
    assert found["bound"].isna().all()
    assert found["efficiency"].isna().all()
    assert found["flops_per_s"].iloc[0] == pytest.approx(256 / 2e-6)


def test_ceilings_are_measured(monkeypatch):
    monkeypatch.setattr("latprof.analysis.ops.ceilings._GEMM_SIZE", 64)
    monkeypatch.setattr("latprof.analysis.ops.ceilings._COPY_BYTES", 1 << 16)
    ceilings = measure_ceilings()
    assert math.isfinite(ceilings.ridge)
    assert ceilings.ridge > 0


def test_wrong_ceilings_and_tables_are_refused():
    with pytest.raises(UsageError, match="above 0"):
        Ceilings(0, 1)
    with pytest.raises(UsageError, match="read_ops"):
        roofline(pd.DataFrame({"x": [1]}), Ceilings(1, 1))
