from __future__ import annotations

import asyncio
import gc
import itertools
import json
import math
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import (
    InstrumentError,
    LatprofError,
    RecordingError,
    StorageError,
    UsageError,
)
from latprof.recording import core, recorder, session
from latprof.recording.recorder import Recorder, record
from latprof.run.spool import Spool

SUBMIT, START = ThreadPoolExecutor.submit, threading.Thread.start


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Whatever a test does, the process is afterwards as it was."""
    yield
    assert session.active() is None
    assert not core.is_active()
    assert ThreadPoolExecutor.submit is SUBMIT
    assert threading.Thread.start is START
    assert "latprof" not in {thread.name for thread in threading.enumerate()}


def serve(count=1, **attributes):
    for _ in range(count):
        with lp.request(**attributes), lp.stage("forward"):
            pass


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
    with pytest.raises(StorageError, match="cannot write .*choose another folder"):
        with record(tmp_path / "file" / "run"):
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
    with pytest.raises(StorageError, match="cannot write .*gone"), record():
        pytest.fail("the block was entered")


# ---------------------------------------------------------------- one at a time


def test_a_second_recording_is_refused_and_the_first_goes_on(tmp_path):
    with record(signals=False) as first:
        serve()
        with pytest.raises(RecordingError, match="under way in this process: end it"):
            with record(tmp_path):
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
        return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []

    once(0)
    before = once(1)
    assert len(once(2)) == len(before)


# ---------------------------------------------------------------- the block fails


@pytest.mark.parametrize("error", [ValueError("of the user"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_in_the_block_comes_through_and_the_run_is_kept(tmp_path, error):
    recording = record(tmp_path, signals=False)
    with pytest.raises(type(error)) as caught, recording:
        serve(2)
        with lp.request(), lp.stage("forward"):
            raise error
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


def test_thousands_of_different_errors_keep_their_type():
    with record(signals=False) as recording:
        for k in range(1_500):
            with pytest.raises(LookupError), lp.request():
                raise LookupError(f"no {k}")
    errors = recording.run.requests["error"].astype(str)
    assert errors[0] == "LookupError: no 0"
    assert errors[1_499] == "LookupError"


# ---------------------------------------------------------------- the probes


def test_the_full_probe_knows_cpu_time_and_the_wall_probe_does_not(tmp_path):
    for probe in ("full", "wall"):
        with record(tmp_path / probe, probe=probe, signals=False) as recording, lp.stage("busy"):
            deadline_ns = time.thread_time_ns() + 2_000_000
            while time.thread_time_ns() < deadline_ns:
                pass
        spans = recording.run.spans
        assert recording.run.manifest["probe"] == probe
        if probe == "full":
            assert 2_000_000 <= spans["cpu_ns"][0] <= (spans["end_ns"] - spans["start_ns"])[0]
        else:
            assert spans[["cpu_ns", "runqueue_ns"]].isna().all(axis=None)
        assert spans[["device_ns", "issue_ns"]].isna().all(axis=None)


WITHOUT_SCHEDSTAT = """
import latprof as lp
from latprof.recording import core

with lp.record() as recording, lp.stage("busy"):
    sum(range(100_000))
spans = recording.run.spans
print(core.KIND, spans["runqueue_ns"].isna().all(), (spans["cpu_ns"] > 0).all())
"""


@pytest.mark.parametrize("kind", ["native", "plain"])
def test_where_the_system_hides_it_run_queue_time_is_null_never_zero(script, namespace, kind):
    before = (*namespace, "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    words = script(WITHOUT_SCHEDSTAT, before=before, LATPROF_CORE=kind).split()
    if words[0] != kind:
        pytest.skip("the C core is not built: no C compiler when latprof was installed")
    assert words[1:] == ["True", "True"]


@pytest.mark.parametrize("content", [b"", b"12\n", b"12 x 3\n", b"nonsense"])
def test_a_file_of_another_shape_is_no_run_queue_time(content, monkeypatch):
    from latprof.recording import _plain

    monkeypatch.setattr(_plain.os, "pread", lambda *_: content)
    schedstat = _plain._Schedstat()
    assert schedstat.runqueue_ns() == -1


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40))
def test_no_clock_makes_a_negative_duration(steps):
    from latprof.recording.rows import request_rows, span_rows

    instants = itertools.cycle(steps)
    core.start(True, lambda: next(instants))  # noqa: FBT003 - the core's own signature
    for k in range(4):
        request = core.Request(k)
        with core.stage("outer"), core.stage("inner"):
            pass
        request.close()
    core.stop()
    requests, spans, _ = core.drain()
    rows = span_rows(spans)
    wall = rows["end_ns"] - rows["start_ns"]
    assert (wall >= 0).all()
    assert (rows["cpu_ns"] + rows["runqueue_ns"].clip(0) <= wall).all()
    assert (request_rows(requests)["finished_ns"] >= request_rows(requests)["started_ns"]).all()


# ---------------------------------------------------------------- signals


def test_signals_are_there_at_both_ends_even_of_a_short_run():
    with record() as recording:
        serve()
    signals = recording.run.signals
    assert set(signals["signal"]) >= {"process_cpu_s", "rss_bytes", "threads"}
    assert set(signals["signal"].value_counts()) == {2}
    assert (signals["value"] >= 0).all()
    requests = recording.run.requests
    assert signals["time_ns"].min() <= requests["started_ns"].min()
    assert signals["time_ns"].max() >= requests["finished_ns"].max()


def test_signals_that_cannot_be_read_are_left_out(monkeypatch):
    def refuse(_):
        raise PermissionError("hidden")

    monkeypatch.setattr(recorder.ProcessSignals, "read", refuse)
    with record() as recording:
        serve()
    assert len(recording.run.requests) == 1
    assert len(recording.run.signals) == 0


# ---------------------------------------------------------------- while it goes on


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_counts_are_told_after_each_flush():
    told = []
    recording = Recorder(None, signals=False, on_flush=lambda counts: told.append(counts.requests))
    with recording:
        serve(3)
        until(lambda: told and told[-1] == 3)
        with pytest.raises(ValueError, match="x"), lp.request():
            raise ValueError("x")
    assert told[-1] == 4
    assert (recording.counts.requests, recording.counts.errors, recording.counts.spans) == (4, 1, 3)
    assert recording.broken is None


def test_a_display_that_fails_harms_nothing():
    def fail(_):
        raise BrokenPipeError

    with Recorder(None, signals=False, on_flush=fail) as recording:
        serve(3)
        until(lambda: recording.counts.requests == 3)
        serve(3)
    assert len(recording.run.requests) == 6


def test_what_was_noted_goes_with_its_rows():
    with Recorder(None, signals=False) as recording:
        for k in range(2_000):
            with lp.request(k=k):
                lp.annotate(text="x" * 100)
        with pytest.raises(ValueError, match="x"), lp.request():
            raise ValueError("x")
        until(lambda: recording.counts.requests == 2_001)
        assert recording._notes == {}
        assert recording._errors == {}
    assert list(recording.run.requests["attr.k"][:2_000]) == list(range(2_000))


def test_a_driver_describes_what_it_did(tmp_path):
    manifest = {"target": "service", "seed": 5, "inputs": 3}
    with Recorder(tmp_path, manifest=manifest, signals=False, takes_requests=False) as recording:
        serve()  # not a driver's
        request = core.Request(12, 5, 2)
        recording.note(12, {"tokens": 3})
        recording.fail(12, "TargetError: no")
        request.close(1)
        recording.describe(interrupted=True, counts={"dropped": 4})
    run = lp.open_run(tmp_path)
    (row,) = run.requests.to_dict("records")
    assert (row["request_id"], row["intended_ns"], row["worker"]) == (12, 5, 2)
    assert (row["status"], row["error"], row["attr.tokens"]) == ("error", "TargetError: no", 3)
    assert (run.manifest["target"], run.manifest["seed"]) == ("service", 5)
    assert run.manifest["interrupted"]
    assert run.manifest["counts"]["dropped"] == 4


ODD_VALUES = {
    "nan": math.nan,
    "infinity": -math.inf,
    "huge": 10**400,
    "int64": 2**63 - 1,
    "beyond": 2**63,
    "long": "x" * 1_000_000,
    "digits": 10**5_000,
    "unicode": "naïve 你好 \U0001f600 \x00 \ud800",
    "nested": {"a": [1, {"b": math.nan}]},
    "bytes": b"\xff\x00",
    "none": None,
    "flag": True,
    "object": object,
    "": "empty name",
    "ключ\n\udc80": "odd name",
    "request_id": "a column's name",
}


def test_odd_attribute_values_never_break_a_run(tmp_path):
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no text")

        __str__ = __repr__

    cyclic: list[object] = []
    cyclic.append(cyclic)
    with record(tmp_path, signals=False):
        for name, value in ODD_VALUES.items():
            with lp.request(**{name: value}):
                pass
        with lp.request(**ODD_VALUES, hostile=Hostile(), cyclic=cyclic):
            pass
        serve()
    requests = lp.open_run(tmp_path).requests
    assert len(requests) == len(ODD_VALUES) + 2
    last = requests.iloc[len(ODD_VALUES)]
    assert last["attr.flag"]
    assert last["attr.int64"] == 2**63 - 1
    assert len(last["attr.long"]) == 1_000_000
    assert "你好 \U0001f600" in last["attr.unicode"]
    assert last["attr.request_id"] == "a column's name"
    assert requests["attr.none"].isna().all()


def test_a_recording_in_a_thread_and_one_in_a_loop(tmp_path):
    def in_thread():
        with record(tmp_path / "thread", signals=False):
            serve(2)

    async def in_loop():
        with record(tmp_path / "loop", signals=False):
            await asyncio.gather(*(asyncio.to_thread(serve) for _ in range(3)))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    asyncio.run(in_loop())
    assert len(lp.open_run(tmp_path / "thread").requests) == 2
    assert len(lp.open_run(tmp_path / "loop").requests) == 3


def test_the_public_surface_records_an_instrumented_service(tmp_path):
    class Service:
        def tokenize(self, text):
            return text.split()

        async def forward(self, tokens):
            await asyncio.sleep(0)
            return len(tokens)

    async def serve_all(service):
        async def one(k):
            with lp.request(k=k):
                return await service.forward(service.tokenize("a good film"))

        return await asyncio.gather(*(one(k) for k in range(20)))

    service = Service()
    with lp.instrument(service, stages={"tokenize": "tokenize", "forward": "forward"}) as hooks:
        with pytest.raises(InstrumentError):
            lp.instrument(service, stages={"again": "tokenize"})
        with lp.record(tmp_path, probe="full", signals=False) as recording:
            assert asyncio.run(serve_all(service)) == [3] * 20
    assert hooks.stages == ()
    assert vars(service) == {}
    spans = recording.run.spans
    assert recording.run.stages == ["tokenize", "forward"]
    assert spans.groupby("request_id").size().tolist() == [2] * 20


# ---------------------------------------------------------------- when the disk refuses


def test_a_disk_that_refuses_half_way_ends_in_an_error_and_keeps_what_there_is(
    tmp_path, monkeypatch
):
    flush, refused, told = Spool.flush, [], []

    def refusing(spool):
        if refused:
            raise StorageError("the disk is full")
        flush(spool)

    monkeypatch.setattr(Spool, "flush", refusing)
    recording = Recorder(tmp_path, signals=False, on_flush=lambda _: told.append(recording.broken))
    with pytest.raises(StorageError, match="the disk is full"), recording:
        serve(2, a=1)
        until(lambda: recording.counts.requests == 2)
        refused.append(True)
        serve(2, a=2)
        until(lambda: recording.broken)
        serve(50, a=3)
        until(lambda: not recording._notes)  # what cannot be kept is not held either
    assert told[-1] is recording.broken
    assert isinstance(told[-1], StorageError)


def test_the_users_own_error_comes_before_that_of_the_disk(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise StorageError("the disk is full")

    monkeypatch.setattr(recorder, "finish", refuse)
    with (
        pytest.raises(ValueError, match="mine") as caught,
        record(tmp_path, signals=False) as recording,
    ):
        serve()
        raise ValueError("mine")
    (note,) = caught.value.__notes__
    assert "the disk is full; what was recorded is kept: make room, then `latprof recover" in note
    with pytest.raises(RecordingError, match="no run"):
        _ = recording.run
    monkeypatch.undo()
    assert len(lp.recover(tmp_path).requests) == 1


def test_a_fault_of_our_own_ends_in_an_error_not_in_silence(tmp_path, monkeypatch):
    def fail(_):
        raise ZeroDivisionError("a fault")

    recording = Recorder(tmp_path, signals=False)
    with pytest.raises(RecordingError, match="broke off: ZeroDivisionError"), recording:
        serve(2)
        until(lambda: recording.counts.requests == 2)
        monkeypatch.setattr(recorder, "request_rows", fail)
        serve()
        until(lambda: recording.broken)
    assert isinstance(recording.broken, LatprofError)
    assert len(recording.run.requests) == 2


def test_run_json_says_that_it_is_recording_until_it_is_finished(tmp_path):
    with record(tmp_path, signals=False):
        assert json.loads((tmp_path / "run.json").read_text())["state"] == "recording"
        with pytest.raises(LatprofError, match="recover"):
            lp.open_run(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "finished"
