from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

import latprof
from latprof.analysis import validity
from latprof.errors import RecordingError, RunFormatError, StorageError
from latprof.run import parquet
from latprof.run import recover as recover_module
from latprof.run.model import Validity, Verdict
from latprof.run.recover import finish, recover
from latprof.run.spool import STREAMS, Spool, stream_path
from latprof.run.store import open_run

TABLES = ["requests", "spans", "signals"]
FINISHED_FILES = {"run.json", *(f"{name}.parquet" for name in TABLES)}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def tables_of(run):
    return {name: run.table(name).to_pylist() for name in TABLES}


@pytest.fixture(scope="module")
def original(tmp_path_factory, samples):
    """A recording that was closed and not finished."""
    folder = tmp_path_factory.mktemp("original") / "run"
    samples.spool(folder)
    return folder


@pytest.fixture
def copy(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture(scope="module")
def expected(original, tmp_path_factory):
    """The tables that this recording must give."""
    folder = tmp_path_factory.mktemp("expected") / "run"
    return tables_of(finish(shutil.copytree(original, folder)))


def test_finishing_leaves_a_run_that_opens(copy, expected):
    run = finish(copy)
    assert names_in(copy) == FINISHED_FILES
    assert tables_of(open_run(copy)) == tables_of(run) == expected
    manifest = run.manifest
    assert manifest["counts"] == {
        "requests": 12,
        "spans": 24,
        "signals": 12,
        "dropped": 0,
        "overflow": 0,
    }
    assert (manifest["state"], manifest["recovered"]) == ("finished", False)
    assert manifest["steady"]["class"] == "too short"
    assert run.validity.verdict in ("VALID", "WARN", "INVALID")


def test_finishing_again_only_opens(copy):
    finish(copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    finish(copy)
    recover(copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_requests_lie_in_order_of_arrival(tmp_path, samples):
    intended = np.array([30, 10, 20, 10])
    spool = Spool(tmp_path, {})
    spool.append_requests(
        samples.requests(
            0,
            4,
            ['{"a": 0}', '{"a": 1}', None, '{"a": 3}'],
            request_id=np.array([0, 3, 2, 1]),
            intended_ns=intended,
            started_ns=intended + 100,
            finished_ns=intended + 200,
        )
    )
    spool.close({})
    requests = finish(tmp_path).requests
    assert requests["request_id"].tolist() == [1, 3, 2, 0]
    assert requests["attr.a"].tolist()[:2] == [3, 1]


def test_marked_warmup_becomes_a_phase(tmp_path, samples):
    run = samples.run(tmp_path, batches=1, rows=5, warmup=2)
    assert run.requests["phase"].tolist() == ["warmup"] * 2 + ["steady"] * 3


def test_attributes_become_columns(copy):
    requests = finish(copy).requests
    assert requests["attr.tokens"].tolist() == [0, 1, 2, 3] * 3
    assert requests["attr.tenant"].tolist() == ["t0", "t1", "t2", "t0"] * 3


def test_a_recording_without_rows_is_a_run(tmp_path):
    Spool(tmp_path, {}).close({})
    run = finish(tmp_path)
    assert [len(run.table(name)) for name in TABLES] == [0, 0, 0]
    assert [len(frame) for frame in (run.requests, run.spans, run.signals)] == [0, 0, 0]
    assert (run.stages, run.duration_ns) == ([], 0)
    assert open_run(tmp_path).requests.columns.tolist() == run.requests.columns.tolist()


def test_many_batches_make_few_row_groups(tmp_path, samples, monkeypatch):
    monkeypatch.setattr("latprof.run.parquet.ROW_GROUP", 10)
    run = samples.run(tmp_path, batches=7, rows=3)
    assert run.spans["span_id"].tolist() == list(range(42))
    assert run.stages == ["preprocess", "forward"]
    groups = pq.read_metadata(tmp_path / "spans.parquet").num_row_groups
    assert groups == 4


def test_large_texts_are_cut_into_row_groups(tmp_path, samples, monkeypatch):
    monkeypatch.setattr("latprof.run.recover._GROUP_TEXT_BYTES", 1000)
    texts = [json.dumps({"prompt": f"{n}" * 500}) for n in range(12)]
    spool = Spool(tmp_path, {})
    spool.append_requests(samples.requests(0, 12, texts))
    spool.close({})
    run = finish(tmp_path)
    assert run.requests["attr.prompt"].tolist() == [f"{n}" * 500 for n in range(12)]
    assert pq.read_metadata(tmp_path / "requests.parquet").num_row_groups > 3


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1))
def test_a_torn_stream_gives_all_its_whole_batches(
    tmp_path_factory, original, expected, name, share
):
    folder = shutil.copytree(original, tmp_path_factory.mktemp("torn") / "run")
    path = stream_path(folder, name)
    os.truncate(path, int(share * path.stat().st_size))
    run = recover(folder)
    tables = tables_of(run)
    assert run.manifest["recovered"] is True
    assert len(tables[name]) in [len(expected[name]) * part // 3 for part in range(4)]
    assert {other: tables[other] for other in TABLES if other != name} == {
        other: expected[other] for other in TABLES if other != name
    }
    assert tables[name] == expected[name][: len(tables[name])]


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_or_empty_stream_is_a_table_without_rows(copy, name):
    stream_path(copy, name).unlink()
    assert len(recover(copy).table(name)) == 0


def test_a_finished_run_is_not_marked_as_recovered(copy):
    finish(copy)
    assert recover(copy).manifest["recovered"] is False


def test_leftovers_of_a_crash_after_the_end_are_removed(copy, original):
    finish(copy)
    shutil.copy(stream_path(original, "spans"), copy)
    finish(copy)
    assert names_in(copy) == FINISHED_FILES


class Crash(BaseException):
    """The process ends here."""


STEPS = [
    (os, "fsync", 8),
    (Path, "replace", 4),
    (Path, "unlink", 3),
    (recover_module, "check_tables", 1),
    (parquet, "digest", 3),
    (validity, "judge", 1),
]


@pytest.mark.parametrize(
    ("owner", "name", "survived"),
    [(owner, name, survived) for owner, name, times in STEPS for survived in range(times)],
)
def test_a_crash_at_any_step_of_finishing_loses_nothing(
    copy, expected, monkeypatch, owner, name, survived
):
    real, calls = getattr(owner, name), []

    def stop(*args, **options):
        calls.append(args)
        if len(calls) > survived:
            raise Crash
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stop)
        with pytest.raises(Crash):
            finish(copy)
    assert tables_of(recover(copy)) == expected
    assert names_in(copy) == FINISHED_FILES


def test_a_full_disk_while_finishing_can_be_tried_again(copy, expected, samples):
    spool_bytes = {name: stream_path(copy, name).read_bytes() for name in TABLES}
    with samples.largest_file(1000), pytest.raises(StorageError, match="make room"):
        finish(copy)
    assert {name: stream_path(copy, name).read_bytes() for name in TABLES} == spool_bytes
    assert not list(copy.glob("*.part"))
    assert tables_of(finish(copy)) == expected


NURSERY = Path(__file__).with_name("nursery.py")


def victims(task, folder, count, life_s):
    source = str(Path(latprof.__file__).parents[1])
    answer = subprocess.run(
        [sys.executable, NURSERY, task, folder, str(count), str(life_s)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.mark.slow
def test_a_killed_recording_has_all_that_it_had_flushed(tmp_path, monkeypatch):
    monkeypatch.setattr(validity, "judge", lambda run: Validity(Verdict.VALID))  # for speed
    begun = 0
    for victim in victims("record", tmp_path, 100, 0.04):
        folder = Path(victim["folder"])
        if not (folder / "run.json").exists():
            assert victim["flushed"] == 0
            continue
        run = recover(folder)
        ids = run.table("requests")["request_id"].to_pylist()
        assert ids == list(range(len(ids)))
        assert len(ids) >= victim["flushed"]
        assert len(run.table("spans")) >= 2 * victim["flushed"]
        begun += victim["flushed"] > 0
    assert begun >= 50


@pytest.mark.slow
def test_a_kill_while_finishing_loses_nothing(tmp_path):
    for victim in victims("finish", tmp_path, 15, 0.25):
        run = recover(Path(victim["folder"]))
        assert run.table("requests")["request_id"].to_pylist() == list(range(1000))
        assert len(run.table("spans")) == 2000


def test_a_recording_that_still_goes_on_is_left_alone(tmp_path):
    code = f"""
import sys
from latprof.run.spool import Spool
spool = Spool({str(tmp_path / "live")!r}, {{}})
print("on", flush=True)
sys.stdin.readline()
"""
    source = str(Path(latprof.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    ) as process:
        assert process.stdout.readline() == "on\n"
        with pytest.raises(RecordingError, match="still being recorded"):
            recover(tmp_path / "live")
        process.communicate("\n")
    assert recover(tmp_path / "live").manifest["recovered"] is True


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("requests", {"finished_ns": np.array([5, 5])}),
        ("requests", {"status": ([0, 0], ["fine"])}),
        ("requests", {"request_id": np.array([1, 1])}),
        ("requests", {"attributes": ["{", None]}),
        ("requests", {"status": ([-1, 0], ["ok"])}),
        ("spans", {"span_id": np.array([3, 3])}),
        ("spans", {"parent_id": np.array([1, 0])}),
        ("spans", {"stage": ([-1, 0], ["a"])}),
    ],
)
def test_rows_that_latprof_does_not_write_are_refused(
    tmp_path, samples, monkeypatch, table, changes
):
    nullable = pa.schema([pa.field(field.name, field.type) for field in STREAMS[table]])
    monkeypatch.setitem(STREAMS, table, nullable)
    spool = Spool(tmp_path, {})
    if table == "requests":
        spool.append_requests(samples.requests(0, 2, **changes))
    else:
        spool.append_spans(samples.spans(0, 1, **changes))
    spool.close({})
    with pytest.raises(RunFormatError) as refusal:
        recover(tmp_path)
    assert refusal.value.file == stream_path(tmp_path, table)
    assert stream_path(tmp_path, table).exists()


@pytest.mark.parametrize("task", [finish, recover])
def test_a_folder_without_a_recording_is_refused(tmp_path, task):
    with pytest.raises(RunFormatError, match="is missing"):
        task(tmp_path / "nowhere")
