from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording.adapters.arrays import (
    Inputs,
    counts,
    named_arrays,
    shape_of,
    tell_inputs,
)
from latprof.recording.adapters.facts import Facts


def told(inputs, *args, **kwargs):
    """What is noted of a call."""
    facts = Facts()
    tell_inputs(facts, *inputs.look(args, kwargs))
    return facts.columns


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
    inputs = Inputs()
    feed = {"input_ids": OnDevice(), "attention_mask": OnDevice()}
    assert told(inputs, **feed) == {
        "forwards": 1,
        "model_rows": 2,
        "model_elements": 6,
        "shapes": 1,
        "batch_size": 2,
        "input_shape": "2x3",
        "first_seen_shape": True,
    }
    assert not told(inputs, **feed)["first_seen_shape"]


@pytest.mark.parametrize(
    "call",
    [
        lambda array: ((array,), {}),
        lambda array: ((), {"x": array}),
        lambda array: (({"x": array},), {}),
        lambda array: ((None, [array]), {"option": 3}),
    ],
)
def test_a_shape_is_new_once_however_it_is_handed_over(call):
    inputs = Inputs()
    new = []
    for size in (1, 2, 1, 2, 2):
        args, kwargs = call(np.zeros((size, 3)))
        facts = told(inputs, *args, **kwargs)
        assert facts["input_shape"] == f"{size}x3"
        new.append(facts["first_seen_shape"])
    assert new == [True, True, False, False, False]
    assert not told(inputs, np.zeros((1, 3)))["first_seen_shape"]


def test_the_mask_is_read_anew_at_each_call():
    inputs = Inputs()
    ids, mask = np.ones((2, 3), int), np.ones((2, 3), int)
    for padding in range(4):
        mask.flat[:padding] = 0
        facts = told(inputs, input_ids=ids, attention_mask=mask)
        assert (facts["tokens"], facts["positions"]) == (6 - padding, 6)
        assert told(inputs, None, {"input_ids": ids, "attention_mask": mask}) == {
            **facts,
            "first_seen_shape": False,
        }
        assert told(inputs, {"attention_mask": mask})["tokens"] == 6 - padding
    assert "tokens" not in told(inputs, input_ids=ids, attention_mask=mask[:1])
    assert told(inputs, input_ids=ids)["tokens"] == 6


def test_what_only_looks_like_an_array_is_not_remembered():
    class Value:
        def shape(self):
            return [1]

    inputs = Inputs()
    for _ in range(3):
        assert told(inputs, x=Value()) == {"forwards": 1}
    assert len(inputs._forms) == 1


def test_of_many_shapes_no_more_are_called_new(monkeypatch):
    monkeypatch.setattr("latprof.recording.adapters.arrays._MOST_SHAPES", 2)
    inputs = Inputs()
    new = [told(inputs, np.zeros(size))["first_seen_shape"] for size in (1, 2, 3, 1)]
    assert new == [True, True, False, False]
    assert len(inputs._forms) == 2
