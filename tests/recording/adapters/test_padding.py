from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.adapters.arrays import Inputs, tell_inputs
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.padding import MASK, padded, places_of


def told(*args, **kwargs):
    facts = Facts()
    tell_inputs(facts, *Inputs().look(args, kwargs))
    return facts.columns


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_what_rows_end_in_tells_their_padding(lengths):
    width = max(lengths) + 3
    ids = np.zeros((len(lengths), width), np.int64)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = range(100, 100 + length)
    # One of each run of zeros counts as a token: it might be one.
    assert padded(ids) == sum(width - length - 1 for length in lengths)


def test_rows_of_one_id_alone_tell_nothing():
    assert padded(np.ones((2, 8), np.int64)) == 0


def test_a_mask_under_another_name_is_known_by_what_it_holds():
    ids, mask = np.array([[7, 8, 0, 0]]), np.array([[1.0, 1.0, 0.0, 0.0]], np.float32)
    kinds = np.zeros_like(ids)
    assert places_of([("types", kinds), ("a", ids), ("b", mask)]) == (0, 2)
    assert told(a=ids, b=mask, types=kinds)["tokens"] == 2
    assert told(ids, mask)["padding_share"] == 0.5


def test_a_second_segment_is_no_mask():
    ids, segments = np.array([[5, 6, 7, 8]]), np.array([[0, 0, 1, 1]])
    assert places_of([("", ids), ("", segments)]) == (0, -1)
    assert told(ids, segments)["tokens"] == 4


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 4), np.float32), np.zeros((2, 3, 4), np.int64), np.zeros(4, np.int64)],
)
def test_what_is_no_rows_of_ids_has_no_tokens(array):
    assert "tokens" not in told(array)


def test_the_mask_that_is_named_counts():
    ids = np.array([[7, 8, 0, 0]])
    named = {"input_ids": ids, MASK: np.array([[1, 1, 1, 0]])}
    assert told(**named)["tokens"] == 3


def test_tensors_are_read_in_place():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    assert told(torch.tensor([[3, 4, 0, 0, 0]]))["tokens"] == 3
