"""What is read again was written by a duel, or is refused."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import latprof
from latprof.errors import RunFormatError, UsageError
from latprof.load.duel import record
from latprof.load.duel.model import open_duel


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "duel"
    arms = {"a": lambda x: [x], "b": lambda x: [x]}
    return latprof.duel(arms, [1, 2], rounds=3, calls=4, out=folder, progress=False).path


@pytest.fixture
def folder(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "copy")


def test_a_copy_is_as_good(folder, kept):
    assert open_duel(folder).verdict == open_duel(kept).verdict
    assert len(open_duel(str(folder)).calls) == 2 * 3 * 3 * 4


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"rounds": 4},
        {"rounds": 0},
        {"arms": []},
        {"threads": "two"},
        {"unknown": 1},
    ],
)
def test_a_changed_manifest_is_refused(folder, change):
    path = folder / "duel.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunFormatError, match="duel"):
        open_duel(folder)


def test_a_folder_of_an_older_latprof_is_refused_with_what_to_do(folder):
    """Until format 2 no spans were kept."""
    path = folder / "duel.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    (folder / "spans.parquet").unlink()
    with pytest.raises(RunFormatError, match="is of format 1; this latprof reads 2: hold the duel"):
        open_duel(folder)


FILES = ["duel.json", "calls.parquet", "spans.parquet", "outputs/0/index.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [None, b"", b"\x00" * 40])
def test_a_missing_or_damaged_file_is_refused(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(RunFormatError):
        open_duel(folder)


def test_times_that_cannot_be_are_refused(folder):
    table = pq.read_table(folder / "calls.parquet")
    at = table.schema.get_field_index("latency_ns")
    spoilt = table.set_column(at, table.schema.field(at), pa.array([0] * len(table), pa.int64()))
    pq.write_table(spoilt, folder / "calls.parquet")
    with pytest.raises(RunFormatError, match="took no time"):
        open_duel(folder)


def test_calls_out_of_order_are_refused(folder):
    table = pq.read_table(folder / "calls.parquet")
    pq.write_table(table.take(list(range(len(table)))[::-1]), folder / "calls.parquet")
    with pytest.raises(RunFormatError, match="out of order"):
        open_duel(folder)


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(72, "a", 0, 0)], "of no call"),
        ([(-1, "a", 0, 0)], "of no call"),
        ([(1, "a", 0, 0), (0, "a", 0, 0)], "out of order"),
        ([(0, "a", -1, 0)], "outside their calls"),
        ([(0, "a", 1, 0)], "outside their calls"),
        ([(0, "a", 0, 1 << 60)], "outside their calls"),
    ],
)
def test_spans_that_cannot_be_are_refused(folder, spans, said):
    pq.write_table(record.spans_table(*zip(*spans, strict=True)), folder / "spans.parquet")
    with pytest.raises(RunFormatError, match=said):
        open_duel(folder)


@pytest.mark.parametrize(("file", "column"), [("calls", "turn"), ("spans", "stage")])
def test_other_columns_are_refused(folder, file, column):
    table = pq.read_table(folder / f"{file}.parquet")
    pq.write_table(table.drop_columns([column]), folder / f"{file}.parquet")
    with pytest.raises(RunFormatError, match="other columns"):
        open_duel(folder)


def test_no_folder_and_no_path_are_refused(tmp_path):
    with pytest.raises(RunFormatError, match="is missing"):
        open_duel(tmp_path / "nothing")
    with pytest.raises(UsageError):
        open_duel(3)
