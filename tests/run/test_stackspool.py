from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.run.stackspool import FILE, Sample, line_of, samples

ONE = Sample(5, 7, "worker", True, False, "main (a.py:1);work (a.py:2)")


def test_what_was_written_comes_back(tmp_path):
    (tmp_path / FILE).write_text(line_of([ONE, ONE._replace(time_ns=6)]) + line_of([]))
    assert list(samples(tmp_path)) == [ONE, ONE._replace(time_ns=6)]


def test_without_a_file_there_are_none(tmp_path):
    assert list(samples(tmp_path)) == []


@pytest.mark.parametrize(
    "row",
    [
        [],
        [5],
        [5, 7, "worker", True, False, "a", 3],
        [5, 7, "worker", 1, False, "a"],
        [True, 7, "worker", True, False, "a"],
        [-1, 7, "worker", True, False, "a"],
        [2**63, 7, "worker", True, False, "a"],
        [5, 7, None, True, False, "a"],
    ],
)
def test_a_line_that_holds_something_else_is_left_out(tmp_path, row):
    (tmp_path / FILE).write_text(f"{json.dumps([row])}\n{line_of([ONE])}")
    assert list(samples(tmp_path)) == [ONE]


def test_a_torn_last_line_is_left_out(tmp_path):
    (tmp_path / FILE).write_text(line_of([ONE]) + line_of([ONE])[:-9])
    assert list(samples(tmp_path)) == [ONE]


@given(st.binary())
def test_no_bytes_lead_astray(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(data)
        assert all(isinstance(each, Sample) for each in samples(Path(folder)))


def test_a_name_that_utf_8_has_no_bytes_for_is_made_storable(tmp_path):
    (tmp_path / FILE).write_text(line_of([ONE._replace(thread="caf\udce9")]))
    (sample,) = samples(tmp_path)
    assert sample.thread == "caf?"
