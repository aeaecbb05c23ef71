from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

import latprof
from latprof.errors import RunFormatError, UsageError
from latprof.run import parquet
from latprof.run.schema import TABLES
from latprof.run.store import open_run

FILES = ["run.json", *(f"{name}.parquet" for name in TABLES)]


@pytest.fixture(scope="module")
def original(tmp_path_factory, samples):
    folder = tmp_path_factory.mktemp("original") / "run"
    samples.run(folder)
    return folder


@pytest.fixture(scope="module")
def contents(original):
    return {name: (original / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory, original):
    return Path(shutil.copytree(original, tmp_path_factory.mktemp("scratch") / "run"))


@pytest.fixture
def copy(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "copy"))


def refused(folder):
    """Open a run and use all of it; return whether it was refused, which must be by its error."""
    try:
        run = open_run(folder)
        for name in TABLES:
            run.table(name)
        assert run.requests is not None
        assert run.spans is not None
        assert run.signals is not None
        assert repr(run)
        assert run.stages is not None
        assert run.duration_ns >= 0
        assert str(run.validity)
    except RunFormatError as error:
        return len(str(error).splitlines()) == 1  # the only way to say no
    return False


@contextlib.contextmanager
def changed(folder, contents, name, data, *, signed):
    """Let a file hold `data` for a while; where it is signed, run.json describes it so."""
    (folder / name).write_bytes(data)
    if signed:
        manifest = json.loads(contents["run.json"])
        manifest["files"][name.removesuffix(".parquet")] = parquet.digest(folder / name)
        (folder / "run.json").write_text(json.dumps(manifest))
    try:
        yield
    finally:
        for each in {name, "run.json"}:
            (folder / each).write_bytes(contents[each])


def sign(folder, **counts):
    """Make run.json describe the files that are there: a consistent folder of somebody else's."""
    manifest = json.loads((folder / "run.json").read_text())
    manifest["files"] = {name: parquet.digest(parquet.path(folder, name)) for name in TABLES}
    manifest["counts"].update(counts)
    (folder / "run.json").write_text(json.dumps(manifest))


def damaged(data, source):
    """Return bytes with one kind of damage."""
    result = bytearray(data)
    kind = source.randrange(6)
    if kind == 0:
        del result[source.randrange(len(result)) :]
    elif kind == 1:
        place = source.randrange(len(result))
        result[place:place] = source.randbytes(source.randrange(1, 40))
    elif kind == 2:
        place, length = source.randrange(len(result)), source.randrange(1, 100)
        result[place : place + length] = bytes(length)
    elif kind == 3:
        return source.randbytes(source.randrange(300))
    elif kind == 4:  # the footer of Parquet, where its claims are
        for _ in range(source.randrange(1, 4)):
            place = -1 - source.randrange(min(len(result), 2500))
            result[place] = source.choice([0, 1, 0x7F, 0x80, 0xFF])
    else:
        for _ in range(source.randrange(1, 20)):
            result[source.randrange(len(result))] = source.randrange(256)
    return bytes(result)


def test_a_whole_run_opens(original):
    assert not refused(original)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(name=st.sampled_from(FILES), seed=st.integers(0, 2**40))
def test_damage_by_accident_is_refused(scratch, contents, name, seed):
    source = random.Random(seed)
    data = damaged(contents[name], source)
    with changed(scratch, contents, name, data, signed=False):
        # Some bytes of run.json mean nothing to a check: a letter of the target's name.
        assert refused(scratch) or name == "run.json" or data == contents[name]


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(name=st.sampled_from(FILES[1:]), seed=st.integers(0, 2**40))
def test_damage_on_purpose_never_escapes_as_another_error(scratch, contents, name, seed):
    source = random.Random(seed)
    data = damaged(contents[name], source)
    with changed(scratch, contents, name, data, signed=True):
        refused(scratch)


@pytest.mark.parametrize("first", FILES)
@pytest.mark.parametrize("second", FILES)
def test_swapped_files_are_refused(copy, contents, first, second):
    (copy / first).write_bytes(contents[second])
    (copy / second).write_bytes(contents[first])
    assert refused(copy) == (first != second)
    if "run.json" not in (first, second) and first != second:
        sign(copy)
        assert refused(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(RunFormatError, match="is missing") as refusal:
        open_run(copy)
    assert refusal.value.file == copy / name


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_regular_file_is_refused_without_waiting(copy, name):
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")):
        (copy / name).unlink(missing_ok=True)
        make(copy / name)
        assert refused(copy)
        if name != "run.json":
            (copy / name).rmdir() if (copy / name).is_dir() else (copy / name).unlink()
        elif (copy / name).is_dir():
            (copy / name).rmdir()


def test_a_recording_that_was_not_finished_says_how(tmp_path, samples):
    samples.spool(tmp_path / "a run")
    with pytest.raises(RunFormatError, match=r"latprof recover '.*a run'"):
        open_run(tmp_path / "a run")


@pytest.mark.parametrize("path", [None, 3, b"x", "a\0b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(UsageError):
        open_run(path)


def test_a_path_without_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path):
        with pytest.raises(RunFormatError):
            open_run(path)


# Folders of somebody else's: every file as run.json describes it, and yet not a run.


def rewrite(folder, name, change):
    source = parquet.path(folder, name)
    table = change(pq.read_table(source))
    pq.write_table(table, source)
    sign(folder, **{name: table.num_rows})


def with_column(name, values):
    """Return a change of a table that puts `values` (of the old ones) in a column."""

    def change(table):
        index = table.column_names.index(name)
        column = pa.array(values(table[name].to_pylist()))
        if pa.types.is_dictionary(table.schema.field(name).type):
            column = column.dictionary_encode()
        return table.set_column(index, pa.field(name, column.type), column)

    return change


HOSTILE = {
    "finished before started": ("requests", with_column("finished_ns", lambda v: [0] * len(v))),
    "started before intended": ("requests", with_column("started_ns", lambda v: [1] * len(v))),
    "negative instant": ("requests", with_column("intended_ns", lambda v: [-5, *v[1:]])),
    "instant beyond all clocks": (
        "requests",
        with_column("finished_ns", lambda v: [2**62, *v[1:]]),
    ),
    "unknown status": ("requests", with_column("status", lambda v: ["fine", *v[1:]])),
    "unknown phase": ("requests", with_column("phase", lambda v: ["hot", *v[1:]])),
    "null status": ("requests", with_column("status", lambda v: [None, *v[1:]])),
    "null instant": ("requests", with_column("started_ns", lambda v: [None, *v[1:]])),
    "same request twice": ("requests", with_column("request_id", lambda v: [v[1], *v[1:]])),
    "negative request": ("requests", with_column("request_id", lambda v: [-1, *v[1:]])),
    "floats for ints": ("requests", with_column("worker", lambda v: [0.5] * len(v))),
    "text for ints": ("requests", with_column("worker", lambda v: ["0"] * len(v))),
    "nested attribute": ("requests", with_column("attr.tokens", lambda v: [[1]] * len(v))),
    "span ends before it starts": ("spans", with_column("end_ns", lambda v: [1] * len(v))),
    "same span twice": ("spans", with_column("span_id", lambda v: [v[1], *v[1:]])),
    "its own parent": ("spans", with_column("parent_id", lambda v: list(range(len(v))))),
    "a ring of parents": ("spans", with_column("parent_id", lambda v: [1, 0, *v[2:]])),
    "null stage": ("spans", with_column("stage", lambda v: [None, *v[1:]])),
    "negative CPU time": ("spans", with_column("cpu_ns", lambda v: [-7, *v[1:]])),
    "CPU time beyond a sum": ("spans", with_column("cpu_ns", lambda v: [2**61] * len(v))),
    "numbers for stages": ("spans", with_column("stage", lambda v: list(range(len(v))))),
    "null time": ("signals", with_column("time_ns", lambda v: [None, *v[1:]])),
    "ints for values": ("signals", with_column("value", lambda v: [1] * len(v))),
    "a column too few": ("spans", lambda table: table.drop_columns("error")),
    "columns in another order": ("signals", lambda table: table.select([1, 0, 2])),
    "a column too many": ("spans", lambda table: table.append_column("x", table["span_id"])),
    "a column that is no attribute": (
        "requests",
        lambda table: table.append_column("tokens", table["worker"]),
    ),
    "an attribute twice": (
        "requests",
        lambda table: table.append_column("attr.tokens", table["attr.tokens"]),
    ),
    "attributes without end": (
        "requests",
        lambda table: pa.table(
            {
                **{name: table[name] for name in table.column_names},
                **{f"attr.{n}": table["request_id"] for n in range(300)},
            }
        ),
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_consistent_folder_that_breaks_a_rule_is_refused(copy, case):
    name, change = HOSTILE[case]
    rewrite(copy, name, change)
    with pytest.raises(RunFormatError) as refusal:
        open_run(copy)
    assert refusal.value.file == parquet.path(copy, name)


HARMLESS = {
    "spans of a request that was cut off": (
        "spans",
        with_column("request_id", lambda v: [99, *v[1:]]),
    ),
    "spans of no request": ("spans", with_column("request_id", lambda v: [None, *v[1:]])),
    "a parent that was cut off": ("spans", with_column("span_id", lambda v: [n + 100 for n in v])),
    "infinite signals": ("signals", with_column("value", lambda v: [float("inf"), *v[1:]])),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_a_cut_off_recording_leaves_is_no_damage(copy, case):
    rewrite(copy, *HARMLESS[case])
    assert not refused(copy)


def test_other_tools_may_have_written_the_same(copy):
    """Words that are no dictionary in the file, other packing, other row groups."""
    for name in TABLES:
        source = parquet.path(copy, name)
        table = pq.read_table(source)
        pq.write_table(table, source, compression="snappy", row_group_size=5, use_dictionary=False)
    sign(copy)
    assert not refused(copy)


def test_more_rows_than_bytes_can_hold_are_refused(copy):
    rows = (1 << 24) + 1
    codes = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), ["s"])
    table = pa.table(
        [pa.repeat(pa.scalar(1), rows), codes, pa.repeat(pa.scalar(0.5), rows)],
        schema=TABLES["signals"],
    )
    pq.write_table(table, parquet.path(copy, "signals"))
    sign(copy, signals=rows)
    with pytest.raises(RunFormatError, match="more than its"):
        open_run(copy)


@pytest.mark.parametrize("count", [0, 11, 13, 10**15])
def test_counts_must_be_those_of_the_tables(copy, count):
    sign(copy, requests=count)
    with pytest.raises(RunFormatError, match="rows"):
        open_run(copy)


def state_of(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def test_opening_writes_nothing(copy):
    before = state_of(copy)
    copy.chmod(0o555)
    try:
        assert not refused(copy)
    finally:
        copy.chmod(0o755)
    assert state_of(copy) == before


def test_links_and_odd_paths_are_fine(copy, tmp_path):
    odd = tmp_path / "ein Lauf, n° 1 ✓ #?%"
    copy.rename(odd)
    (tmp_path / "link").symlink_to(odd)
    for path in (odd, str(odd), tmp_path / "link", os.path.relpath(odd)):
        assert not refused(path)


def test_bytes_that_are_no_text_may_be_in_a_path(copy, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        copy.rename(odd)
    except OSError:
        pytest.skip("this file system wants UTF-8")
    assert not refused(odd)


def test_two_processes_may_open_one_run(original):
    mine = open_run(original)
    code = f"import latprof; print(len(latprof.open_run({str(original)!r}).spans))"
    source = str(Path(latprof.__file__).parents[1])
    answer = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert int(answer.stdout) == len(mine.spans) == 24


def test_files_that_change_after_opening_are_refused_too(copy):
    run = open_run(copy)
    parquet.path(copy, "spans").write_bytes(b"gone")
    parquet.path(copy, "signals").unlink()
    for use in (
        lambda: run.spans,
        lambda: run.signals,
        lambda: run.table("spans"),
        lambda: run.stages,
    ):
        with pytest.raises(RunFormatError):
            use()
