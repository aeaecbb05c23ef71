from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from latprof.errors import UsageError
from latprof.load.inputs import input_list


def test_any_iterable_becomes_a_list():
    assert input_list(range(3)) == [0, 1, 2]
    assert input_list(value for value in "ab") == ["a", "b"]
    assert input_list([None, None]) == [None, None]


def test_an_endless_generator_is_cut_at_the_number_of_requests():
    assert input_list(itertools.count(), most=3) == [0, 1, 2]


def test_a_list_is_kept_whole():
    assert input_list([1, 2, 3], most=2) == [1, 2, 3]


def test_rows_of_a_frame_are_dicts():
    frame = pd.DataFrame({"text": ["good", "bad"], "tokens": [1, 2]}, index=[7, 8])
    assert input_list(frame) == [{"text": "good", "tokens": 1}, {"text": "bad", "tokens": 2}]


def test_rows_of_an_array_are_arrays():
    rows = input_list(np.arange(6).reshape(3, 2))
    assert [row.tolist() for row in rows] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("single", ["a text", b"bytes", {"input_ids": [1, 2]}])
def test_one_input_taken_for_many_is_refused(single):
    with pytest.raises(UsageError, match=r"put a single input into a list, inputs=\[x\]"):
        input_list(single)


@pytest.mark.parametrize("empty", [[], (), iter([]), np.empty((0, 4)), pd.DataFrame()])
def test_no_input_is_refused(empty):
    with pytest.raises(UsageError, match="inputs is empty"):
        input_list(empty)


@pytest.mark.parametrize("value", [3, None, np.array(3)])
def test_what_cannot_be_iterated_over_is_refused(value):
    with pytest.raises(UsageError, match="cannot be iterated over: give a list"):
        input_list(value)
