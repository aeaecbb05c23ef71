from __future__ import annotations

import asyncio
import itertools
import json
import math
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latprof as lp
from latprof.errors import (
    InstrumentError,
    LatprofError,
    RecordingError,
    StorageError,
)
from latprof.recording import core, recorder
from latprof.recording.record import record
from latprof.recording.recorder import Recorder
from latprof.run.spool import Spool
from latprof.signals.process import ProcessSignals

from .serving import serve, until

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


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
    from latprof.recording import _plainprobes

    monkeypatch.setattr(_plainprobes.os, "pread", lambda *_: content)
    schedstat = _plainprobes._Schedstat()
    assert schedstat.runqueue_ns() == -1


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40))
def test_no_clock_makes_a_negative_duration(steps):
    from latprof.recording.rows import request_rows, span_rows

    instants = itertools.cycle(steps)
    core.start(True, lambda: next(instants))
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
    counts = signals["signal"].value_counts()
    assert {counts[name] for name in ("process_cpu_s", "rss_bytes", "threads")} == {2}
    assert (signals["value"] >= 0).all()
    requests = recording.run.requests
    assert signals["time_ns"].min() <= requests["started_ns"].min()
    assert signals["time_ns"].max() >= requests["finished_ns"].max()


def test_signals_that_cannot_be_read_are_left_out(monkeypatch):
    def refuse(_):
        raise PermissionError("hidden")

    monkeypatch.setattr(ProcessSignals, "read", refuse)
    with record() as recording:
        serve()
    assert len(recording.run.requests) == 1
    assert len(recording.run.signals) == 0
    assert "hidden" in recording.run.manifest["signals_absent"]["*"]


# ---------------------------------------------------------------- while it goes on


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

    def serve_on():
        serve(2, a=1)
        until(lambda: recording.counts.requests == 2)
        refused.append(True)
        serve(2, a=2)
        until(lambda: recording.broken)
        serve(50, a=3)
        until(lambda: not recording._notes)  # what cannot be kept is not held either

    with pytest.raises(StorageError, match="the disk is full"), recording:
        serve_on()
    assert told[-1] is recording.broken
    assert isinstance(told[-1], StorageError)


def test_the_users_own_error_comes_before_that_of_the_disk(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise StorageError("the disk is full")

    monkeypatch.setattr(recorder, "finish", refuse)
    recording = record(tmp_path, signals=False)
    with pytest.raises(LookupError, match="mine") as caught, recording, lp.request():
        raise LookupError("mine")
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

    def serve_on():
        serve(2)
        until(lambda: recording.counts.requests == 2)
        monkeypatch.setattr(recorder, "request_rows", fail)
        serve()
        until(lambda: recording.broken)

    with pytest.raises(RecordingError, match="broke off: ZeroDivisionError"), recording:
        serve_on()
    assert isinstance(recording.broken, LatprofError)
    assert len(recording.run.requests) == 2


def test_run_json_says_that_it_is_recording_until_it_is_finished(tmp_path):
    with record(tmp_path, signals=False):
        assert json.loads((tmp_path / "run.json").read_text())["state"] == "recording"
        with pytest.raises(LatprofError, match="recover"):
            lp.open_run(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "finished"


def test_counts_are_told_on_the_recorders_thread_only():
    told = []
    with Recorder(None, signals=False, on_flush=lambda _: told.append(threading.current_thread())):
        pass
    assert told
    assert threading.main_thread() not in told
