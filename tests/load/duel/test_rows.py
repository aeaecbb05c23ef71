"""Arrays become the inputs that a model declares, and every row is in one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import UsageError
from latprof.load.duel.rows import cut


def spec(shape, name="x"):
    return {"name": name, "shape": shape}


def shapes(rows, name="x"):
    return [row[name].shape for row in rows]


@given(st.integers(1, 6), st.integers(1, 6))
def test_a_fixed_first_axis_gives_groups_of_it_in_their_order(size, groups):
    array = np.arange(size * groups * 2.0).reshape(-1, 2)
    rows = cut({"x": array}, [spec([size, 2])])
    assert shapes(rows) == [(size, 2)] * groups
    np.testing.assert_array_equal(np.concatenate([row["x"] for row in rows]), array)


@given(st.integers(1, 9))
def test_a_first_axis_that_may_vary_gives_rows_of_one(count):
    assert shapes(cut({"x": np.ones((count, 2))}, [spec([None, 2])])) == [(1, 2)] * count


def test_what_nobody_declares_is_cut_into_rows_of_one():
    arrays = {"x": np.ones((3, 2)), "y": np.ones(3)}
    rows = cut(arrays, [spec(None)])
    assert (shapes(rows), shapes(rows, "y")) == ([(1, 2)] * 3, [(1,)] * 3)


def test_an_array_of_whole_inputs_is_taken_apart():
    assert shapes(cut({"x": np.ones((5, 1, 3))}, [spec([1, 3])])) == [(1, 3)] * 5
    assert shapes(cut({"x": np.ones(4)}, [spec([])])) == [()] * 4


def test_an_array_that_is_one_input_serves_with_all_the_others():
    arrays = {"x": np.ones((6, 2)), "scale": np.ones(4), "bias": np.array(1.0)}
    rows = cut(arrays, [spec([2, 2]), spec([4], "scale"), spec([], "bias")])
    assert len(rows) == 3
    assert shapes(rows, "scale") == [(4,)] * 3
    assert shapes(rows, "bias") == [()] * 3


def test_of_two_models_the_one_with_a_fixed_axis_counts():
    assert shapes(cut({"x": np.ones((8, 2))}, [spec([None, 2]), spec([4, 2])])) == [(4, 2)] * 2
    assert shapes(cut({"x": np.ones((8, 2))}, [spec([4, 2]), spec([8, 2])])) == [(4, 2)] * 2


@pytest.mark.parametrize(
    ("arrays", "declared", "said"),
    [
        ({}, [], "no array"),
        ({"x": np.ones((10, 2))}, [spec([8, 2])], "10 rows, and the model takes 8 at a time"),
        ({"x": np.ones(10)}, [spec([1, 3, None])], r"\[10\], and the model takes \[1, 3, \?\]"),
        ({"x": np.ones((0, 2))}, [], "'x' holds no input"),
        ({"x": np.ones((0, 1, 2))}, [spec([1, 2])], "'x' holds no input"),
        ({"x": np.ones((3, 2)), "y": np.ones((2, 2))}, [], "'y' holds 2 inputs and 'x' 3"),
    ],
)
def test_what_does_not_divide_is_told(arrays, declared, said):
    with pytest.raises(UsageError, match=said):
        cut(arrays, declared)
