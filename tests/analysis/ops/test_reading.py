from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.ops import Ceilings, lint, read_ops, roofline
from latprof.analysis.ops.table import COLUMNS
from latprof.errors import LatprofError, RunFormatError, UsageError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
# Values where a reader may trip: another type, no number, too large a one.
ODD = JSON | st.sampled_from([-1, 10**40, 1e308, "", "1e999", [], {}, [[]], [{}]])


def mutated(value, draw):
    """Return `value` with one place in it replaced by something odd."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    return draw(ODD)


def read_or_refuse(data: bytes, name: str = "file.json") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        refused = None
        try:
            table = read_ops(path)
        except RunFormatError as error:
            refused = str(error)
        if refused is None:
            assert tuple(table.columns) == COLUMNS
            assert table["time_ns"].dropna().ge(0).all()
            lint(table)
            roofline(table, Ceilings(1e12, 1e11))
        else:
            assert refused.startswith(f"{path}: ")
            assert "\n" not in refused


@pytest.fixture
def documents(engine, session, trace, counters):
    node = {"name": "conv1", "originalLayersNames": "conv1,relu1", "outputPrecisions": "f32"}
    graph = [{**node, "outputLayouts": "ab", "inputs": [["x", 0]], "outputs": [[1, 2]]}]
    explained = {**counters, "execution_graph": graph}
    events = session([100, 100]), trace, trace["traceEvents"]
    return [*engine.values(), *events, counters, explained]


KINDS = range(8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_file_is_refused_or_read_never_a_traceback(kind, documents):
    data = json.dumps(documents[kind]).encode()

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, len(data) - 1))
    def torn(length):
        read_or_refuse(data[:length])

    torn()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_pieces_swapped_is_refused_or_read_never_a_traceback(kind, documents):
    data = json.dumps(documents[kind]).encode()
    places = st.lists(st.integers(0, len(data)), min_size=4, max_size=4).map(sorted)

    @settings(max_examples=30, deadline=None)
    @given(places)
    def swapped(ends):
        a, b, c, d = ends
        read_or_refuse(data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:])

    swapped()


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_value_anywhere_is_refused_or_read_never_a_traceback(kind, documents):
    @settings(max_examples=30, deadline=None)
    @given(st.data())
    def odd(data):
        read_or_refuse(json.dumps(mutated(documents[kind], data.draw)).encode())

    odd()


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data):
    read_or_refuse(data)
    read_or_refuse(b"\x1f\x8b" + data)
    read_or_refuse(b"layerName;execStatus\n" + data)


@settings(max_examples=30, deadline=None)
@given(JSON)
def test_any_json_is_refused_or_read(value):
    read_or_refuse(json.dumps(value).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"traceEvents":' + b"[" * 100_000,
        b'{"Layers":' + b"[" * 100_000,
        b"[" + b'{"cat":' * 100_000,
        gzip.compress(b'{"traceEvents":[]}', mtime=0)[:-6],
    ],
)
def test_nesting_without_end_and_damaged_gzip_are_refused(data, write):
    with pytest.raises(RunFormatError):
        read_ops(write("file.json", data))


def test_a_file_of_another_kind_is_told_what_is_read(write):
    with pytest.raises(RunFormatError, match=r"no format that is read here: onnxruntime"):
        read_ops(write("other.json", {"hello": 1}))


def test_a_missing_file_an_empty_one_and_a_folder(write, tmp_path):
    for path in (tmp_path / "nowhere.json", write("empty.json", ""), tmp_path):
        with pytest.raises(RunFormatError, match=str(path)):
            read_ops(path)


def test_what_is_no_path_is_refused(tmp_path):
    with pytest.raises(UsageError):
        read_ops()
    with pytest.raises(UsageError, match="paths"):
        read_ops(None)
    with pytest.raises(RunFormatError):
        read_ops("zero\0byte.json")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RunFormatError, match="no file"):
        read_ops(pipe)


def test_a_gzip_that_claims_too_much_is_refused(write, monkeypatch):
    monkeypatch.setattr("latprof.analysis.ops.files._LARGEST_BYTES", 1 << 20)
    bomb = write("bomb.json.gz", gzip.compress(bytes(8 << 20)))
    with pytest.raises(RunFormatError, match=r"more than 1\.00 MiB"):
        read_ops(bomb)


PEAK = """
import resource, sys
from latprof.analysis.ops import read_ops
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
count = read_ops(sys.argv[1])["count"].sum()
print(count, (peak() - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux gives it")
def test_a_large_trace_takes_less_than_four_times_its_size(tmp_path):
    event = (
        '{"ph": "X", "cat": "cpu_op", "name": "aten::empty", "pid": 1, "tid": 1, "ts": %d.5, '
        '"dur": 3.25, "args": {"External id": %d,"Record function id": 0, "Ev Idx": %d}},\n'
    )
    events = 250_000
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write('{"schemaVersion": 1, "traceEvents": [\n')
        file.writelines(event % (10 * index, index, index) for index in range(events))
        file.write('{"ph": "E", "name": "end"}]}')
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    )
    count, peak_bytes = map(int, done.stdout.split())
    assert count == events
    assert peak_bytes <= 3.8 * path.stat().st_size


def test_the_name_of_a_file_and_its_packing_do_not_matter(write, trace):
    plain = read_ops(write("trace.json", trace))
    packed = read_ops(write("trace.bin", gzip.compress(json.dumps(trace).encode())))
    assert packed.drop(columns="share").equals(plain.drop(columns="share"))


def test_shares_add_up_on_each_device(write, trace):
    shares = read_ops(write("trace.json", trace)).groupby("device")["share"].sum()
    assert shares.to_dict() == pytest.approx({"cpu": 1, "gpu": 1})


def test_several_files_that_are_no_engine_are_refused(write, trace, engine):
    first = write("trace.json", trace)
    with pytest.raises(UsageError, match="the first file is a torch trace"):
        read_ops(first, write("p.json", engine["profile"]))
    with pytest.raises(UsageError, match="TensorRT engine"):
        read_ops(write("p.json", engine["profile"]), first)
    with pytest.raises(UsageError, match="both"):
        read_ops(write("p.json", engine["profile"]), write("q.json", engine["profile"]))


def test_a_wrong_warmup_is_refused(write, session):
    with pytest.raises(LatprofError, match="warmup"):
        read_ops(write("p.json", session([10] * 3)), warmup=-1)


def test_traces_of_one_model_are_taken_together(write, trace):
    first = write("a.json", trace)
    later = [{**event, "ts": event["ts"] + 1000} for event in trace["traceEvents"]]
    one = read_ops(first, warmup=0)
    two = read_ops(first, write("b.json", {"traceEvents": later}), warmup=0)
    assert two.attrs["runs"] == 2 * one.attrs["runs"]
    assert two["count"].tolist() == (2 * one["count"]).tolist()
    assert two["time_ns"].tolist() == one["time_ns"].tolist()
