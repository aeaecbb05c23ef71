from __future__ import annotations

import os
import random
import struct

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from latprof.errors import RunFormatError
from latprof.run import stream
from latprof.run.spool import STREAMS, stream_path

ROWS = 4
NAMES = sorted(STREAMS)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, samples):
    """The bytes of the streams of a recording of three flushes, by name."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    samples.spool(folder, batches=3, rows=ROWS, device=True)
    return {name: stream_path(folder, name).read_bytes() for name in NAMES}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("stream") / "rows.arrows"


def rows_in(file, name, data):
    file.write_bytes(data)
    return [row for batch in stream.batches(file, STREAMS[name]) for row in batch.to_pylist()]


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_stream_gives_all_rows(recorded, file, name):
    per_batch = {"requests": ROWS, "spans": 2 * ROWS, "signals": ROWS, "device_times": ROWS}
    assert len(rows_in(file, name, recorded[name])) == 3 * per_batch[name]


@pytest.mark.parametrize("name", NAMES)
def test_cut_at_any_byte_gives_all_whole_batches(recorded, file, name):
    data = recorded[name]
    whole = rows_in(file, name, data)
    per_batch = len(whole) // 3
    counts = []
    for cut in range(0, len(data), 5):  # of all remainders by 8, the alignment of a stream
        rows = rows_in(file, name, data[:cut])
        assert rows == whole[: len(rows)]
        counts.append(len(rows))
    assert counts == sorted(counts)
    assert set(counts) == {0, per_batch, 2 * per_batch, 3 * per_batch}


def test_a_missing_and_an_empty_stream_give_no_rows(file, tmp_path):
    assert rows_in(file, "spans", b"") == []
    assert list(stream.batches(tmp_path / "none", STREAMS["spans"])) == []


@pytest.mark.parametrize("name", NAMES)
def test_zeros_after_a_power_cut_end_the_stream(recorded, file, name):
    data = recorded[name][:-8]  # without the mark of its end
    assert rows_in(file, name, data + bytes(4096)) == rows_in(file, name, data)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32), st.integers(1, 8))
def test_flipped_bytes_give_rows_or_a_refusal(recorded, file, name, seed, count):
    source = random.Random(seed)
    data = bytearray(recorded[name])
    for _ in range(count):
        data[source.randrange(len(data))] = source.randrange(256)
    try:
        rows = rows_in(file, name, bytes(data))
    except RunFormatError:
        return
    assert len(rows) <= 3 * 2 * ROWS


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.binary(min_size=8, max_size=400))
def test_random_bytes_are_no_rows(recorded, file, name, data):
    if data[:4] == b"\xff\xff\xff\xff":
        assert rows_in(file, name, data) == []
        return
    with pytest.raises(RunFormatError):
        rows_in(file, name, data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_random_bytes_after_a_whole_batch_take_nothing_from_it(recorded, file, data):
    name = data.draw(st.sampled_from(NAMES))
    whole = recorded[name][:-8]
    tail = data.draw(st.binary(max_size=64))
    frame = data.draw(st.sampled_from([b"", struct.pack("<Ii", 0xFFFFFFFF, len(tail))]))
    expected = rows_in(file, name, whole)
    assert rows_in(file, name, whole + frame + tail) == expected


@pytest.mark.parametrize("length", [-1, 2**31 - 1, 1 << 20, 1])
def test_claimed_lengths_are_held_against_the_file(recorded, file, length):
    whole = recorded["spans"][:-8]
    expected = rows_in(file, "spans", whole)
    claim = struct.pack("<Ii", 0xFFFFFFFF, length)
    assert rows_in(file, "spans", whole + claim + b"\0" * 64) == expected


def test_a_stream_of_other_columns_is_refused(recorded, file):
    with pytest.raises(RunFormatError, match="columns"):
        rows_in(file, "spans", recorded["signals"])


def written(schema, options, *batches):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def signals(words):
    codes = pa.array(range(len(words)), pa.int32())
    times, values = pa.array([1] * len(words)), pa.array([0.5] * len(words))
    columns = [times, pa.DictionaryArray.from_arrays(codes, words), values]
    return pa.record_batch(columns, schema=STREAMS["signals"])


def test_packing_that_could_claim_any_size_is_left_out(file):
    schema = STREAMS["signals"]
    first, second = signals(["a"]), signals(["a", "b"])
    packed = written(schema, pa.ipc.IpcWriteOptions(compression="zstd"), second)
    grown = written(schema, pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True), first, second)
    plain = written(schema, pa.ipc.IpcWriteOptions(), first, second)
    assert len(rows_in(file, "signals", packed)) == 0
    assert len(rows_in(file, "signals", grown)) == 1
    assert len(rows_in(file, "signals", plain)) == 3


def test_a_damaged_batch_takes_no_other_with_it(file):
    codes = pa.array([7, 0], pa.int32())
    lost = pa.DictionaryArray.from_arrays(codes, ["a"], safe=False)
    damaged = pa.record_batch(
        [pa.array([1, 1]), lost, pa.array([0.5, 0.5])], schema=STREAMS["signals"]
    )
    sound = signals(["a"])
    data = written(STREAMS["signals"], pa.ipc.IpcWriteOptions(), sound, damaged, sound)
    assert len(rows_in(file, "signals", data)) == 2


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(RunFormatError, match="not a regular file"):
            list(stream.batches(path, STREAMS["spans"]))
