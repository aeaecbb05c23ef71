from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from latprof.errors import RunFormatError
from latprof.run.devicetimes import DeviceTimes
from latprof.run.recover import finish, recover
from latprof.run.schema import DEVICE_TIMES, SPANS
from latprof.run.spool import Spool, stream_path

laps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**40), st.integers(0, 2**40)))


def batch(rows):
    columns = list(zip(*rows, strict=True)) or [[]] * len(DEVICE_TIMES)
    arrays = [pa.array(column, pa.int64()) for column in columns]
    return pa.record_batch(arrays, schema=DEVICE_TIMES)


def spans(ids):
    """Spans of these ids, of which nothing else is known."""
    columns = {"span_id": ids, "stage": ["forward"] * len(ids)}
    columns |= {name: [0] * len(ids) for name in ("start_ns", "end_ns", "thread_id")}
    arrays = [pa.array(columns.get(field.name, [None] * len(ids)), field.type) for field in SPANS]
    return pa.record_batch(arrays, schema=SPANS)


@given(laps, laps, st.lists(st.integers(0, 9), unique=True))
def test_laps_are_added_up_by_span(first, second, ids):
    times = DeviceTimes([batch(first), batch(second)])
    rows = [*first, *second]
    assert len(times) == len({row[0] for row in rows})
    for span in times.joined(spans(ids)).to_pylist():
        mine = [row for row in rows if row[0] == span["span_id"]]
        assert span["device_ns"] == (sum(row[1] for row in mine) if mine else None)
        assert span["issue_ns"] == (sum(row[2] for row in mine) if mine else None)


def test_a_run_without_a_device_is_not_touched():
    before = spans([3, 1])
    assert DeviceTimes([]).joined(before) is before
    assert DeviceTimes([batch([(2, 5, 5)])]).joined(before) is before


def test_spans_get_their_times_in_the_finished_run(tmp_path, samples):
    run = samples.run(tmp_path / "run", device=True)
    assert run.manifest["counts"]["device_times"] == 12
    found = run.spans.set_index("span_id")[["device_ns", "issue_ns"]]
    inner = np.arange(12)
    assert found.loc[2 * inner + 1, "device_ns"].tolist() == (300 + inner).tolist()
    assert found.loc[2 * inner + 1, "issue_ns"].tolist() == (40 + inner).tolist()
    assert found.loc[2 * inner].isna().all(axis=None)


@pytest.mark.parametrize("lost", ["cut", "gone"])
def test_what_was_not_known_at_a_kill_is_null(tmp_path, samples, lost):
    samples.spool(tmp_path / "run", device=True)
    stream = stream_path(tmp_path / "run", "device_times")
    if lost == "cut":
        stream.write_bytes(stream.read_bytes()[:-300])
    else:
        stream.unlink()
    run = recover(tmp_path / "run")
    known = run.spans["device_ns"].notna().sum()
    assert len(run.spans) == 24
    assert known == (8 if lost == "cut" else 0)
    assert not list((tmp_path / "run").glob("*.arrows"))


def test_times_of_spans_that_never_closed_are_left_out(tmp_path, samples):
    spool = Spool(tmp_path / "run", {})
    spool.append_spans(samples.spans(0, 1))
    spool.append_device_times({"span_id": [1, 99], "device_ns": [7, 8], "issue_ns": [1, 2]})
    spool.close({})
    assert finish(tmp_path / "run").spans["device_ns"].dropna().tolist() == [7]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"device_ns": [-5]}, "negative device_ns"),
        ({"issue_ns": [2**62]}, "durations by issue_ns that do not fit a sum"),
    ],
)
def test_times_that_no_clock_gives_are_refused(tmp_path, times, message):
    spool = Spool(tmp_path / "run", {})
    spool.append_device_times({"span_id": [0], "device_ns": [1], "issue_ns": [1]} | times)
    spool.close({})
    with pytest.raises(RunFormatError, match=message):
        finish(tmp_path / "run")
