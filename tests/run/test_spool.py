from __future__ import annotations

import json
import os

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from latprof.errors import StorageError, UsageError
from latprof.run import stream
from latprof.run.spool import STREAMS, Spool, stream_path


def rows_of(folder, name):
    batches = stream.batches(stream_path(folder, name), STREAMS[name])
    return [row for batch in batches for row in batch.to_pylist()]


def test_what_is_flushed_can_be_read_while_recording_goes_on(tmp_path, samples):
    spool = Spool(tmp_path / "deep" / "er" / "rün 1", {})
    spool.append_requests(samples.requests(0, 2))
    spool.append_spans(samples.spans(0, 2))
    assert rows_of(spool.folder, "requests") == []
    spool.flush()
    assert [row["request_id"] for row in rows_of(spool.folder, "requests")] == [0, 1]
    assert [row["parent_id"] for row in rows_of(spool.folder, "spans")] == [None, 0, None, 2]
    spool.close({})


def test_run_json_is_there_from_the_start_and_updated_at_the_end(tmp_path):
    spool = Spool(tmp_path, {"target": "svc"})
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert (manifest["state"], manifest["target"]) == ("recording", "svc")
    spool.close({"interrupted": True})
    spool.close({"interrupted": False})
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert (manifest["state"], manifest["interrupted"]) == ("recording", True)


def test_minus_one_stands_for_null_where_null_may_be(tmp_path, samples):
    spool = Spool(tmp_path, {})
    spool.append_requests(samples.requests(0, 2, error=([-1, 0], ["boom"]), worker=[-1, 3]))
    spool.append_spans(samples.spans(0, 1, cpu_ns=[-1, 0], error=[-1, 1]))
    spool.close({})
    requests, spans = rows_of(tmp_path, "requests"), rows_of(tmp_path, "spans")
    assert [row["error"] for row in requests] == [None, "boom"]
    assert [row["worker"] for row in requests] == [-1, 3]
    assert [row["cpu_ns"] for row in spans] == [None, 0]
    assert [row["error"] for row in spans] == [None, True]


def test_words_may_grow_shrink_and_change_from_batch_to_batch(tmp_path):
    spool = Spool(tmp_path, {})
    for names in (["a"], ["a", "b"], ["c"], ["a", "b", "caf\udce9"]):
        codes = range(len(names))
        spool.append_signals({"time_ns": codes, "signal": (codes, names), "value": codes})
    spool.close({})
    words = [row["signal"] for row in rows_of(tmp_path, "signals")]
    assert words == ["a", "a", "b", "c", "a", "b", "caf?"]


def test_empty_batches_do_no_harm(tmp_path, samples):
    spool = Spool(tmp_path, {})
    spool.append_requests(samples.requests(0, 0))
    spool.append_spans(samples.spans(0, 0))
    spool.append_signals(samples.signals(0, 0))
    spool.flush()
    spool.append_signals(samples.signals(0, 1))
    spool.close({})
    assert len(rows_of(tmp_path, "signals")) == 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(0, 2**62),
                st.integers(-1, 2**62),
                st.sampled_from(["a", "b", "", "é\0"]),
                st.none() | st.text(),
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_any_rows_come_back_as_they_went_in(tmp_path_factory, samples, batches):
    folder = tmp_path_factory.mktemp("any")
    spool = Spool(folder, {})
    for rows in batches:
        ids, ends, words, texts = (
            (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
        )
        names = sorted(set(words))
        codes = np.array([names.index(word) for word in words], np.int32)
        spool.append_requests(
            samples.requests(
                0, len(rows), texts, request_id=ids, batch_id=ends, error=(codes, names)
            )
        )
    spool.close({})
    stored = [
        (row["request_id"], row["batch_id"], row["error"], row["attributes"])
        for row in rows_of(folder, "requests")
    ]
    given_rows = [row for rows in batches for row in rows]
    assert stored == [
        (
            first,
            None if second == -1 else second,
            word,
            text and text.encode("utf-8", "replace").decode(),
        )
        for first, second, word, text in given_rows
    ]


def test_a_folder_with_a_run_is_left_alone(tmp_path):
    Spool(tmp_path, {"target": "first"}).close({})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match="already holds a run"):
        Spool(tmp_path, {"target": "second"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_with_other_files_may_be_used(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Spool(tmp_path, {}).close({})
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("folder", [None, 3, "a\0b"])
def test_what_is_no_path_is_refused(folder):
    with pytest.raises(UsageError):
        Spool(folder, {})


def test_a_place_that_cannot_be_written_is_said_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        Spool(tmp_path / "file" / "run", {})
    with pytest.raises(StorageError):
        Spool("/proc/latprof-test", {})


def test_a_spool_that_cannot_begin_leaves_nothing_behind(tmp_path, samples):
    with samples.largest_file(0), pytest.raises(StorageError):
        Spool(tmp_path, {})
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError):
        Spool(tmp_path, {"warmup": "soon"})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_all_that_was_flushed_before(tmp_path, samples):
    spool = Spool(tmp_path, {})
    spool.append_spans(samples.spans(0, 10))
    spool.append_requests(samples.requests(0, 10))
    spool.flush()
    whole = stream_path(tmp_path, "spans").stat().st_size
    spool.append_spans(samples.spans(10, 1000))
    with samples.largest_file(whole + 4096):
        with pytest.raises(StorageError, match="File too large"):
            spool.flush()
        spool.append_spans(samples.spans(1010, 1))
        with pytest.raises(StorageError):
            spool.flush()
    with pytest.raises(StorageError):  # rows after a gap would tell a false story
        spool.flush()
    with pytest.raises(StorageError):
        spool.close({"interrupted": True})
    assert stream_path(tmp_path, "spans").stat().st_size == whole
    assert len(rows_of(tmp_path, "spans")) == 20
    assert len(rows_of(tmp_path, "requests")) == 10
    assert json.loads((tmp_path / "run.json").read_text())["interrupted"] is True


def test_dense_recordings_do_not_wait_for_a_flush(tmp_path, samples):
    spool = Spool(tmp_path, {})
    for first in range(0, 100_000, 20_000):
        spool.append_spans(samples.spans(first, 20_000))
    assert stream_path(tmp_path, "spans").stat().st_size > 0
    assert spool._streams["spans"]._pending.tell() < 8 << 20
    spool.close({})


def test_a_closed_spool_holds_no_file_open(tmp_path):
    spool = Spool(tmp_path, {})
    streams = list(spool._streams.values())
    spool.close({})
    for stream_of_one in streams:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(stream_of_one._file)
