from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.cli.inputs import read_inputs
from latprof.errors import UsageError

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_text_gives_a_line_an_input_and_skips_blank_ones(file):
    assert read_inputs(file("a.txt", "one\n\n  two \r\n \nthree")) == ["one", "  two ", "three"]


def test_a_byte_order_mark_is_not_part_of_the_first_input(file):
    assert read_inputs(file("a.txt", b"\xef\xbb\xbfone\n")) == ["one"]


def test_line_marks_inside_a_text_do_not_split_it(file):
    assert read_inputs(file("a.txt", "one\u2028still one\x0bstill\n")) == [
        "one\u2028still one\x0bstill"
    ]


@given(st.lists(JSON, min_size=1, max_size=5))
def test_json_comes_back_as_it_was_written(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("inputs")
    array, lines = folder / "a.json", folder / "a.jsonl"
    array.write_text(json.dumps(values), encoding="utf-8")
    lines.write_text("\n".join(json.dumps(value, ensure_ascii=False) for value in values), "utf-8")
    assert read_inputs(str(array)) == values
    assert read_inputs(str(lines)) == values


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_a_csv_column_comes_back_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("inputs") / "a.csv"
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("text", "label"), *rows])
    path.write_text(table.getvalue(), "utf-8", newline="")
    assert read_inputs(f"{path}:text") == [text for text, _ in rows]
    assert read_inputs(f"{path}:label") == [label for _, label in rows]


def test_the_only_column_needs_no_name(file):
    assert read_inputs(file("a.csv", "text\none\n\ntwo\n")) == ["one", "two"]


def test_a_csv_takes_texts_longer_than_its_reader_likes(file):
    before = csv.field_size_limit()
    long = "x" * (before + 1)
    assert read_inputs(file("a.csv", f"text\n{long}\n")) == [long]
    assert csv.field_size_limit() == before


def test_a_colon_in_a_folder_is_not_a_column(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    (folder / "c.txt").write_text("one")
    assert read_inputs(str(folder / "c.txt")) == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "\n \n", "holds no input"),
        ("a.txt", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("a.json", "[1, 2", "line 1: Expecting ',' delimiter"),
        ("a.json", '{"text": "one"}', "holds one JSON object"),
        ("a.json", '"one"', "holds one JSON str"),
        ("a.json", "[]", "holds no input"),
        ("a.json", "[" * 100_000, "maximum recursion depth"),
        ("a.jsonl", '{"a": 1}\n\n{"a":\n', "line 3: Expecting value"),
        ("a.csv", "", "no head line"),
        ("a.csv", "text,label\none,1\n", "a.csv has text, label: choose one, as in a.csv:text"),
        ("a.csv", 'text\n"one\n', "is not CSV"),
        ("a.csv", "text\n", "holds no input"),
        ("a.parquet", "", ".txt, .json, .jsonl, .csv"),
        ("a", "", ".txt, .json, .jsonl, .csv"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(file, name, content, said):
    with pytest.raises(UsageError) as refused:
        read_inputs(file(name, content))
    assert said in str(refused.value)
    assert name in str(refused.value)


def test_a_column_that_is_not_there_is_refused_with_those_that_are(file):
    with pytest.raises(UsageError, match="has no column txt, only text, label"):
        read_inputs(file("a.csv", "text,label\none,1\n") + ":txt")


def test_a_short_row_is_refused_with_its_number(file):
    with pytest.raises(UsageError, match="row 3 has no column label"):
        read_inputs(file("a.csv", "text,label\none,1\ntwo\n") + ":label")


def test_a_missing_file_is_refused():
    with pytest.raises(UsageError, match=r"nowhere\.txt cannot be read: No such file"):
        read_inputs("nowhere.txt")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_inputs(str(Path(tmp_path / "a.txt")))
