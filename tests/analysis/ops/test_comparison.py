from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.ops import compare_ops, read_ops
from latprof.analysis.ops.operator import Operator, Profile
from latprof.analysis.ops.table import build
from latprof.errors import UsageError


def table(*rows):
    """Build a table of (nodes, time) rows; an operator is called as its nodes together."""
    operators = tuple(
        Operator(" + ".join(nodes), "Op", time_ns, 1, origins=nodes) for nodes, time_ns in rows
    )
    return build(Profile("test", operators, 1, 1))


def test_a_fusion_meets_its_parts():
    a = table((("conv",), 30), (("relu",), 10), (("gemm",), 5))
    b = table((("conv", "relu"), 20), (("gemm",), 5))
    compared = compare_ops(a, b)
    assert compared["a_ops"].tolist() == [("conv", "relu"), ("gemm",)]
    assert compared["b_ops"].tolist() == [("conv + relu",), ("gemm",)]
    assert compared["delta_ns"].tolist() == [-20, 0]
    assert compared["speedup"].tolist() == [2.0, 1.0]
    assert compared.attrs["matched_share"] == 1


def test_fusions_that_overlap_are_one_group():
    a = table((("x", "y"), 30), (("z",), 10))
    b = table((("x",), 20), (("y", "z"), 5))
    assert compare_ops(a, b)["nodes"].tolist() == [("x", "y", "z")]


def test_what_one_side_lacks_is_kept_and_said():
    compared = compare_ops(table((("x",), 30)), table((("q",), 10)))
    assert compared["matched"].tolist() == [False, False]
    assert compared["speedup"].isna().all()
    assert compared[["a_ns", "b_ns"]].to_numpy().tolist() == [[30, 0], [0, 10]]
    assert compared.attrs["matched_share"] == 0


def test_a_range_is_filled_from_the_other_side():
    a = table((("w",), 1), (("x",), 2), (("y",), 3), (("z",), 4))
    b = table((("w",), 1), (("x...z",), 5))
    assert compare_ops(a, b)["a_ops"].tolist() == [("w",), ("x", "y", "z")]
    assert compare_ops(b, a)["b_ops"].tolist() == [("w",), ("x", "y", "z")]


NODES = st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=3, unique=True).map(tuple)
TABLES = st.lists(st.tuples(NODES, st.integers(0, 1000)), max_size=6).map(lambda rows: table(*rows))


@settings(max_examples=40, deadline=None)
@given(TABLES, TABLES)
def test_both_columns_add_up_and_no_operator_is_lost_or_doubled(a, b):
    compared = compare_ops(a, b)
    for side, given_table in (("a", a), ("b", b)):
        assert compared[f"{side}_ns"].sum() == given_table["time_ns"].sum()
        listed = [name for names in compared[f"{side}_ops"] for name in names]
        assert sorted(listed) == sorted(given_table["name"])


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_a_table_against_itself_has_no_difference(a):
    compared = compare_ops(a, a)
    assert (compared["delta_ns"] == 0).all()
    assert compared["matched"].all()


def test_what_cannot_be_compared_is_refused(write, engine):
    layers = read_ops(write("g.json", engine["graph"]))
    with pytest.raises(UsageError, match="b has no times"):
        compare_ops(table((("x",), 1)), layers)
    with pytest.raises(UsageError, match="a is no table"):
        compare_ops(pd.DataFrame({"x": [1]}), layers)


def test_reformat_copies_count_to_the_layer_that_they_serve(write, engine):
    a = table((("Conv_0",), 500), (("Relu_1",), 100), (("Conv_2",), 70), (("Reshape_3",), 1))
    b = read_ops(write("p.json", engine["profile"]))
    compared = compare_ops(a, b)
    assert compared["b_ns"].tolist() == [80_000, 100_000, 0]
    assert compared["matched"].all()


def test_a_range_whose_ends_are_unknown_keeps_them():
    compared = compare_ops(table((("x",), 1)), table((("x...q",), 5)))
    assert compared["nodes"].tolist() == [("x", "q")]
