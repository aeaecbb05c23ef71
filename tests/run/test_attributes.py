from __future__ import annotations

import datetime as dt
import json
import math

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from latprof.run.attributes import encode
from latprof.run.columns import LIMIT, REST, TYPES, AttributeColumns


class Hostile:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


class HostileDict(dict):
    def items(self):
        raise RuntimeError("no")


def columns(*rows):
    """The typed columns of rows of attributes, by name; None stands for a request without any."""
    texts = pa.chunked_array(
        [[None if row is None else encode(row) for row in rows]], pa.large_string()
    )
    typed = AttributeColumns([texts])
    arrays = typed.of(texts)
    assert [array.type for array in arrays] == [field.type for field in typed.fields]
    return {
        field.name.removeprefix("attr."): array
        for field, array in zip(typed.fields, arrays, strict=True)
    }


def kind_and_values(*values):
    (column,) = columns(*({"a": value} for value in values)).values()
    kind = "text" if pa.types.is_dictionary(column.type) else str(column.type)
    return kind, column.to_pylist()


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([True, False], "bool", [True, False]),
        ([1, -(2**63), 2**63 - 1], "int64", [1, -(2**63), 2**63 - 1]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([2**60 + 1, 0.5], "double", [float(2**60), 0.5]),
        (["a", "", "\0"], "text", ["a", "", "\0"]),
        ([1, 2**63], "text", ["1", str(2**63)]),
        ([1, "1"], "text", ["1", "1"]),
        ([True, 1], "text", ["true", "1"]),
        ([1.5, "x", None, float("inf")], "text", ["1.5", "x", None, "Infinity"]),
        ([[1, {"b": None}], {"c": "é"}], "text", ['[1, {"b": null}]', '{"c": "é"}']),
        ([None, 3], "int64", [None, 3]),
        ([None, None], "text", [None, None]),
        (["caf\udce9"], "text", ["caf?"]),
        ([b"acme", b"\xff"], "text", ["acme", "\\xff"]),
        ([np.int64(3), np.int8(4)], "int64", [3, 4]),
        ([np.float32(0.5), np.float64(2)], "double", [0.5, 2.0]),
        ([np.True_], "bool", [True]),
        ([np.str_("x")], "text", ["x"]),
        ([np.arange(3)], "text", ["[0, 1, 2]"]),
        ([np.longdouble(1.5)], "text", ["1.5"]),
        ([dt.date(2026, 1, 2)], "text", ["2026-01-02"]),
    ],
)
def test_values_get_a_type_by_what_all_of_them_are(values, kind, stored):
    assert kind_and_values(*values) == (kind, stored)


def test_nan_stays_nan_and_absent_stays_absent():
    kind, values = kind_and_values(float("nan"), None, 1)
    assert kind == "double"
    assert math.isnan(values[0])
    assert values[1:] == [None, 1.0]


def test_requests_without_attributes_have_null_in_every_column():
    typed = columns(None, {"a": 1}, {}, {"b": "x"})
    assert {name: column.to_pylist() for name, column in typed.items()} == {
        "a": [None, 1, None, None],
        "b": [None, None, None, "x"],
    }


def test_odd_names_are_columns_too():
    long = "n" * 10_000
    typed = columns({"": 1, "a.b": 2, "a": 3, "\0": 4, long: 5, "caf\udce9": 6})
    assert set(typed) == {"", "a.b", "a", "\0", long, "caf?"}


def test_more_names_than_a_table_can_have_share_one_column():
    typed = columns({f"id{n}": n for n in range(LIMIT + 10)}, {"id0": 7, REST: "mine"})
    assert len(typed) == LIMIT
    assert typed["id0"].to_pylist() == [0, 7]
    rest = [json.loads(text) for text in typed[REST].to_pylist()]
    assert rest == [{f"id{n}": n for n in range(LIMIT - 1, LIMIT + 10)}, {REST: "mine"}]


def test_types_follow_all_parts_of_a_run():
    parts = [pa.chunked_array([[text]], pa.large_string()) for text in ('{"a": 1}', '{"a": "x"}')]
    typed = AttributeColumns(parts)
    assert [array.to_pylist() for part in parts for array in typed.of(part)] == [["1"], ["x"]]


@pytest.mark.parametrize("text", ["[]", "1", "{", "[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(ValueError, match="has attributes that are not"):
        AttributeColumns([pa.chunked_array([[text]], pa.large_string())])


def test_a_hostile_value_becomes_its_type_and_spares_the_others():
    decoded = json.loads(encode({"bad": Hostile(), "good": 1}))
    assert decoded == {"bad": "Hostile", "good": 1}


def ring():
    value: list[object] = []
    value.append(value)
    return value


def tower():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        Hostile(),
        HostileDict(a=1),
        ring(),
        tower(),
        10**5000,
        {(1, 2): 3},
        {1, 2},
        object,
        np.datetime64("2026-01-01"),
        complex(1, 2),
        memoryview(b"x"),
        lambda: None,
        float("-inf"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_encoding_never_fails(value):
    decoded = json.loads(encode({"a": value, "b": 1}))
    assert decoded["b"] == 1
    assert set(decoded) == {"a", "b"}


@pytest.mark.parametrize(
    "key", [1, None, (1, 2), Hostile(), "caf\udce9"], ids=lambda key: type(key).__name__
)
def test_keys_of_any_kind_are_encoded(key):
    (value,) = json.loads(encode({key: 1})).values()
    assert value == 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]), max_size=2)
    | st.binary(max_size=5)
    | st.floats(width=32).map(np.float32)
    | st.integers(-128, 127).map(np.int8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(st.none() | st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=6))
def test_any_attributes_become_columns_of_the_known_types(rows):
    for column in columns(*rows).values():
        assert column.type in TYPES
        assert len(column) == len(rows)
        column.validate(full=True)


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_survive_exactly(values):
    assert kind_and_values(*values)[1] == values
