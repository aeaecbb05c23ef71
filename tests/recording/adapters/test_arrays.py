from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.adapters.arrays import Inputs, counts, named_arrays, shape_of
from latprof.recording.adapters.facts import Facts


class OnDevice:
    """An array that must not be read."""

    dtype, device = "int64", "cuda:0"
    shape = (2, 3)

    def sum(self):
        raise AssertionError("this waits for the device")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (np.zeros((2, 3)), (2, 3)),
        (np.float32(1), ()),
        (OnDevice(), (2, 3)),
        ([1, 2], None),
        ("text", None),
        (None, None),
        (np.ndarray, None),
    ],
)
def test_shapes_of_what_has_one(value, shape):
    assert shape_of(value) == shape


def test_arrays_are_found_where_calls_hold_them():
    a, b, c, d = (np.full(1, each) for each in range(4))
    given = ((a, {"ids": b}, 3), {"mask": c, "past": [d, "text"], "deeper": [[[a]]]})
    found = list(named_arrays(given))
    assert [name for name, _ in found] == ["", "ids", "mask", "past"]
    assert all(got is want for (_, got), want in zip(found, (a, b, c, d), strict=True))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5))
def test_lists_and_arrays_are_counted_alike(rows):
    length = max(map(sum, rows))
    mask = [[1] * real + [0] * (length - real) for real, _ in rows]
    expected = (len(rows), sum(real for real, _ in rows), len(rows) * length)
    assert counts(mask, mask) == expected
    assert (
        counts(
            np.array(mask, int).reshape(len(rows), length),
            np.array(mask, int).reshape(len(rows), length),
        )
        == expected
    )
    assert counts(mask, None) == (len(rows), len(rows) * length, len(rows) * length)


def test_what_cannot_be_counted_is_not():
    ids = np.ones((2, 3))
    assert counts(ids, np.ones((2, 1, 3, 3))) is None
    assert counts(np.ones((2, 3, 4)), None) is None
    assert counts(ids, OnDevice()) is None
    assert counts(np.ones(3), np.array([1, 1, 0])) == (1, 2, 3)
    assert counts([5, 6], [1, 0]) == (1, 1, 2)
    assert counts([], None) == (0, 0, 0)


def test_a_mask_on_a_device_is_not_waited_for():
    facts = Facts()
    Inputs().see(facts, {"input_ids": OnDevice(), "attention_mask": OnDevice()})
    assert facts.columns == {
        "forwards": 1,
        "batch_size": 2,
        "input_shape": "2x3",
        "first_seen_shape": True,
    }


def test_of_many_shapes_no_more_are_called_new(monkeypatch):
    monkeypatch.setattr("latprof.recording.adapters.arrays._MOST_SHAPES", 2)
    inputs = Inputs()
    new = []
    for size in (1, 2, 3, 1):
        facts = Facts()
        inputs.see(facts, np.zeros(size))
        new.append(facts.columns["first_seen_shape"])
    assert new == [True, True, False, False]
