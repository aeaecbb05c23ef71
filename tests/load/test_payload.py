from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from latprof.errors import RunFormatError, UsageError
from latprof.load.payload import leaves, read, signature, write

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def round_trip(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows") / "rows"
    write(folder, rows)
    return read(folder)


@given(st.lists(JSON, min_size=1))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_json_comes_back_as_it_went(tmp_path_factory, rows):
    assert round_trip(tmp_path_factory, rows) == rows


@given(st.dictionaries(st.text(), arrays(scalar_dtypes(), array_shapes(min_side=0)), min_size=1))
@settings(deadline=None)
def test_arrays_come_back_with_name_type_and_shape(tmp_path_factory, row):
    (again,) = round_trip(tmp_path_factory, [row])
    assert list(again) == list(row)
    for name, array in row.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_texts_in_arrays_cross_without_pickling(tmp_path_factory):
    row = {"text": np.array(["good", "bad"], dtype=object)}
    assert round_trip(tmp_path_factory, [row])[0]["text"].tolist() == ["good", "bad"]


@pytest.mark.parametrize("row", [{1, 2}, {"x": object()}, np.array([object()])])
def test_what_only_pickle_could_carry_is_refused(tmp_path, row):
    with pytest.raises(UsageError, match="row 0"):
        write(tmp_path / "rows", [row])


def test_a_pickle_in_the_folder_is_not_opened(tmp_path):
    write(tmp_path / "rows", [np.ones(2)])
    np.savez(tmp_path / "rows" / "0.npz", np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunFormatError):
        read(tmp_path / "rows")


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"kind": "arrays"}]', '"text"'])
def test_damage_is_told(tmp_path, content):
    write(tmp_path / "rows", [np.ones(2)])
    (tmp_path / "rows" / "index.json").write_text(content)
    with pytest.raises(RunFormatError):
        read(tmp_path / "rows")


def test_leaves_of_what_models_return():
    found = leaves({"a": [1.0, 2.0], "b": [{"label": "x", "score": 1}], "c": [np.ones(2)]})
    assert {name: array.tolist() for name, array in found.items()} == {
        "a": [1.0, 2.0],
        "b.0.label": "x",
        "b.0.score": 1,
        "c.0": [1.0, 1.0],
    }


def test_leaves_of_tensors():
    torch = pytest.importorskip("torch")
    found = leaves((torch.ones(2, requires_grad=True), torch.ones(1, dtype=torch.bfloat16)))
    assert [array.dtype.name for array in found.values()] == ["float32", "float32"]


@pytest.mark.parametrize("value", [None, object(), [object()]])
def test_what_cannot_be_compared_is_refused(value):
    with pytest.raises(UsageError, match="cannot be compared"):
        leaves(value)


def test_a_signature_is_types_and_shapes():
    one, two = {"x": np.ones((1, 2))}, {"x": np.zeros((1, 2))}
    assert signature(one) == signature(two)
    assert signature(one) != signature({"x": np.ones((1, 3))})
    assert signature(np.ones(2)) != signature(np.ones(2, np.float32))
    assert signature("good") == signature("bad")
    assert json.dumps(signature(one))
