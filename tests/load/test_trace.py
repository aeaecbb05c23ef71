"""Traces from files and from numbers, and what is wrong with them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.errors import UsageError
from latprof.load.trace import read_trace, trace_of


@pytest.fixture
def written(tmp_path):
    def write(text, name="traffic.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_numbers_come_sorted_from_the_first(seconds):
    trace = trace_of(seconds)
    exact = sorted(round(each * 1e9) for each in seconds)
    assert trace.offsets.tolist() == [each - exact[0] for each in exact]
    assert trace.out_of_order == sum(np.diff([round(each * 1e9) for each in seconds]) < 0)


def test_dates_and_times_count_from_the_first():
    dates = ["2026-01-05T10:00:00Z", "2026-01-05T11:00:00.25+01:00", "2026-01-05 10:00:01"]
    assert trace_of(dates).offsets.tolist() == [0, 250_000_000, 10**9]
    stamps = pd.Series(pd.to_datetime(["2026-01-05", "2026-01-06"]))
    assert trace_of(stamps.tolist()).offsets.tolist() == [0, 86_400 * 10**9]


def test_a_csv_file_gives_inputs_and_attributes(written):
    trace = read_trace(
        written(
            "timestamp,input,tenant,tokens,score\n10,1,acme,3,0.5\n\n9.5,0,,4,\n12,1,umbrella,,2\n"
        )
    )
    assert trace.offsets.tolist() == [0, 500_000_000, 2_500_000_000]
    assert trace.out_of_order == 1
    assert trace.inputs.tolist() == [0, 1, 1]
    assert trace.attributes == {
        "tenant": [None, "acme", "umbrella"],
        "tokens": [4, 3, None],
        "score": [None, 0.5, 2.0],
    }


def test_a_parquet_file_gives_the_same(tmp_path):
    start = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    stamps = [start, start + dt.timedelta(milliseconds=5)]
    for name, kind in (("us", pa.timestamp("us", tz="UTC")), ("ns", pa.timestamp("ns"))):
        naive = stamps if name == "us" else [each.replace(tzinfo=None) for each in stamps]
        column = pa.array(naive, kind)
        table = pa.table({"timestamp": column, "tenant": ["a", "b"], "input": [3, 0]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        trace = read_trace(tmp_path / f"{name}.parquet")
        assert trace.offsets.tolist() == [0, 5_000_000]
        assert trace.inputs.tolist() == [3, 0]
        assert trace.attributes == {"tenant": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp\n1\n-2\n", r"traffic.csv, row 3: a timestamp is seconds, from 0 .* not '-2'"),
        ("timestamp\n1\n\nnan\n", r"row 4: .* not 'nan'"),
        ("timestamp\nsoon\n", r"row 2: .* an ISO date and time, not 'soon'"),
        ("timestamp\n1e300\n", r"row 2: .* not '1e300'"),
        ("timestamp\n1700000000000\n", "row 2"),
        ("timestamp\n1900-01-01\n", "row 2"),
        ("timestamp,input\n1,0\n2,one\n", r"row 3: input is the index of an input, .* not 'one'"),
        ("timestamp,input\n1,-1\n", "row 2: input is the index"),
        ("timestamp,input\n1,0.5\n", "row 2: input is the index"),
        ("timestamp,input\n1,\n", "row 2: input is the index"),
        ("timestamp\n", "traffic.csv holds no request"),
        ("", "traffic.csv has no column timestamp, only none at all"),
        ("time,tenant\n1,a\n", "has no column timestamp, only time, tenant"),
        ("timestamp,a\n1,2\n3\n", "row 3 has not as many cells as the head line"),
        ("timestamp,a,a\n1,2,3\n", "names a column twice"),
        ('timestamp\n"1\n', "is not CSV"),
    ],
)
def test_what_is_no_trace_is_told_by_file_and_row(written, text, said):
    with pytest.raises(UsageError, match=said):
        read_trace(written(text))


def test_rows_of_a_parquet_file_are_named_too(tmp_path):
    path = tmp_path / "traffic.parquet"
    pq.write_table(pa.table({"timestamp": [0.0, None, 1.0]}), path)
    with pytest.raises(UsageError, match=r"traffic.parquet, row 2: .* not None"):
        read_trace(path)


def test_files_that_cannot_be_read_are_told(tmp_path, written):
    for path, said in [
        (tmp_path / "nowhere.csv", "nowhere.csv cannot be read"),
        (tmp_path / "nowhere.parquet", "nowhere.parquet cannot be read as Parquet"),
        (written("junk", "junk.parquet"), "junk.parquet cannot be read as Parquet"),
        (written("1\n", "trace.txt"), "a trace is a file ending in .csv or .parquet"),
    ]:
        with pytest.raises(UsageError, match=said):
            read_trace(path)
    (tmp_path / "latin.csv").write_bytes(b"timestamp\n\xff\n")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_trace(tmp_path / "latin.csv")


@pytest.mark.parametrize("wrong", [[], [1, -1], [None], [True], ["x"], [float("inf")], [{}]])
def test_numbers_that_are_no_times_are_refused(wrong):
    with pytest.raises(UsageError, match=r"Replay\(timestamps=\)"):
        trace_of(wrong)


@given(st.text(max_size=40))
def test_no_text_brings_anything_but_a_trace_or_a_refusal(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"timestamp,a\n" + text.encode("utf-8", "replace"))
    try:
        told = str(len(read_trace(path).offsets))
    except UsageError as error:
        told = str(error)
    assert "any.csv" in told or int(told) > 0
