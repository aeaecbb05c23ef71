from __future__ import annotations

import gc
import threading
import weakref

import psutil
import pytest

import latprof as lp
from latprof.errors import (
    RecordingError,
    StorageError,
    UsageError,
)
from latprof.recording import recorder
from latprof.recording.record import record

from .serving import serve

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


# ---------------------------------------------------------------- where the run goes


def test_a_recording_without_a_folder_lives_as_long_as_its_run():
    with record(signals=False) as recording:
        serve(2, tenant="acme")
    run = recording.run
    folder = run.path
    assert folder.is_dir()
    assert list(run.requests["attr.tenant"]) == ["acme", "acme"]
    assert run.stages == ["forward"]
    del run, recording
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_recording_with_a_folder_can_be_opened_later(tmp_path, kind):
    folder = tmp_path / "runs" / "today"
    with record(kind(folder), signals=False, warmup=1) as recording:
        serve(3)
    assert recording.run.path == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "requests.parquet",
        "run.json",
        "signals.parquet",
        "spans.parquet",
    ]
    opened = lp.open_run(folder)
    assert opened.manifest["counts"] == {
        "requests": 3,
        "spans": 3,
        "signals": 0,
        "dropped": 0,
        "overflow": 0,
    }
    assert opened.manifest["scenario"] == {"name": "Recording"}
    assert (opened.manifest["probe"], opened.manifest["warmup"]) == ("full", 1)
    assert opened.manifest["environment"]["python"]["implementation"]
    assert not opened.manifest["recovered"]


def test_a_folder_that_holds_a_run_is_refused_and_kept(tmp_path):
    with record(tmp_path, signals=False):
        serve()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match="already holds a run"), record(tmp_path):
        pytest.fail("the block was entered")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": 3}, "must be a str or a Path"),
        ({"out": "a\0b"}, "NUL"),
        ({"probe": "fast"}, "no probe 'fast': use one of full, wall"),
        ({"probe": None}, "no probe None"),
        ({"warmup": -1}, 'takes "auto" or a number of requests, not -1'),
        ({"warmup": "some"}, "not 'some'"),
        ({"warmup": 1.5}, "not 1.5"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_happens(arguments, message):
    with pytest.raises(UsageError, match=message):
        record(**arguments)


def test_a_folder_below_a_file_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(StorageError, match=r"cannot write .*choose another folder")
    with refused, record(tmp_path / "file" / "run"):
        pytest.fail("the block was entered")


def test_no_temporary_folder_is_left_by_a_recording_that_cannot_begin(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder.tempfile, "tempdir", str(tmp_path))

    def refuse(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr(recorder, "Spool", refuse)
    with pytest.raises(StorageError, match="full"), record():
        pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(recorder.tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StorageError, match=r"cannot write .*gone"), record():
        pytest.fail("the block was entered")


# ---------------------------------------------------------------- one at a time


def test_a_second_recording_is_refused_and_the_first_goes_on(tmp_path):
    with record(signals=False) as first:
        serve()
        refused = pytest.raises(RecordingError, match="under way in this process: end it")
        with refused, record(tmp_path):
            pytest.fail("the block was entered")
        serve()
    assert len(first.run.requests) == 2
    assert list(tmp_path.iterdir()) == []


def test_one_recording_after_the_other(tmp_path):
    for k in range(3):
        with record(tmp_path / str(k), signals=False) as recording:
            serve(k + 1)
        assert list(recording.run.requests["request_id"]) == list(range(k + 1))
        assert list(recording.run.spans["span_id"]) == list(range(k + 1))


def test_nothing_holds_a_recorder_that_has_ended():
    recording = record(signals=False)
    with recording:
        serve()
    gone = weakref.ref(recording)
    del recording
    gc.collect()
    assert gone() is None


def test_a_recorder_is_used_once(tmp_path):
    recording = record(tmp_path, signals=False)
    with pytest.raises(RecordingError, match="no run yet"):
        _ = recording.run
    with recording:
        serve()
        with pytest.raises(RecordingError, match="under way"), recording:
            pytest.fail("the block was entered")
        with pytest.raises(RecordingError, match="no run yet: leave"):
            _ = recording.run
    with pytest.raises(UsageError, match="already holds a run"), recording:
        pytest.fail("the block was entered")
    assert len(recording.run.requests) == 1


def test_recordings_leave_no_file_open_and_no_thread(tmp_path):
    def once(k):
        with record(tmp_path / str(k)) as recording:
            threads = [threading.Thread(target=serve, args=(3,)) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(recording.run.spans) == 15
        gc.collect()
        return psutil.Process().num_fds()

    once(0)
    assert once(1) == once(2)


# ---------------------------------------------------------------- the block fails


@pytest.mark.parametrize("error", [ValueError("of the user"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_in_the_block_comes_through_and_the_run_is_kept(tmp_path, error):
    recording = record(tmp_path, signals=False)

    def serve_and_fail():
        serve(2)
        with lp.request(), lp.stage("forward"):
            raise error

    with pytest.raises(type(error)) as caught, recording:
        serve_and_fail()
    assert caught.value is error
    run = lp.open_run(tmp_path)
    assert list(run.requests["status"]) == ["ok", "ok", "error"]
    assert list(run.spans["error"]) == [False, False, True]
    assert recording.run.path == tmp_path


def test_errors_of_requests_are_in_the_run():
    with record(signals=False) as recording:
        for k in range(3):
            with pytest.raises(LookupError), lp.request(k=k):
                raise LookupError(f"no {k % 2}")
        serve()
    requests = recording.run.requests
    assert list(requests["status"]) == ["error"] * 3 + ["ok"]
    assert list(requests["error"][:3]) == [
        "LookupError: no 0",
        "LookupError: no 1",
        "LookupError: no 0",
    ]
    assert requests["error"].isna()[3]
    assert recording.counts.errors == 3


def test_what_is_left_open_goes_on_undisturbed_after_the_recording():
    @lp.stage("decode")
    def decode():
        yield from range(3)

    def hold():
        with lp.stage("held"), lp.request():
            yield

    with record(signals=False) as recording:
        tokens, holder = decode(), hold()
        assert next(tokens) == 0
        next(holder)
    with record(signals=False) as later:
        assert list(tokens) == [1, 2]
        assert list(holder) == []
        serve()
    assert recording.run.stages == ["decode"]
    assert len(recording.run.requests) == 0
    assert later.run.stages == ["decode", "forward"]
    assert list(later.run.requests["status"]) == ["ok"]


def test_thousands_of_different_errors_keep_their_type():
    with record(signals=False) as recording:
        for k in range(1_500):
            with pytest.raises(LookupError), lp.request():
                raise LookupError(f"no {k}")
    errors = recording.run.requests["error"].astype(str)
    assert errors[0] == "LookupError: no 0"
    assert errors[1_499] == "LookupError"
