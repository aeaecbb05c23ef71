from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import latprof as lp
from latprof.recording import session
from latprof.recording.deviceclock import (
    FIRST_EVENTS,
    EventClock,
    WaitingClock,
    _Chain,
    device_clock,
)

MS = 1_000_000

pytestmark = pytest.mark.usefixtures("nothing_left_behind")


@pytest.fixture
def torch(accelerator):
    import torch

    return torch


@pytest.fixture
def place(torch):
    return torch.device("simulated:0")


@pytest.fixture
def clock(torch, place):
    return EventClock(torch, place)


def record(folder=None):
    return lp.record(folder, signals=False, warmup=0)


def times(recording):
    """Device and issue time by stage, of one span each."""
    spans = recording.run.spans.set_index("stage")
    return spans["device_ns"], spans["issue_ns"]


def test_adjacent_stages_share_a_mark_and_show_the_device_s_own_time(accelerator, clock):
    with record() as recording:
        with clock.call():
            for k in range(3):
                with lp.stage(f"step {k}"), clock.stage():
                    accelerator.launch((k + 1) * MS)
        (chain,) = clock._pending
    device_ns, issue_ns = times(recording)
    assert len(chain.marks) == 4
    # The first one contains what passed between its mark and its kernel, the others have none.
    assert device_ns["step 0"] >= MS
    assert device_ns[["step 1", "step 2"]].tolist() == [2 * MS, 3 * MS]
    assert (issue_ns < device_ns).all()


def test_nothing_waits_for_the_device_until_the_end(accelerator, clock):
    before = accelerator.synchronisations()
    with record() as recording:
        for _ in range(3):
            with lp.stage("slow"), clock.stage():
                accelerator.launch(100 * MS)
        assert accelerator.synchronisations() == before
        assert clock.drain(session.current) == []
    assert accelerator.synchronisations() == before + 1
    assert (recording.run.spans["device_ns"] >= 100 * MS).all()


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1), st.data())
def test_laps_add_up_to_the_whole(stamps, data):
    """Also where single precision lets stamps seem out of order."""
    chain = _Chain(None, None)
    chain.marks = [SimpleNamespace(elapsed_time=lambda other: other.at_ms), *map(_stamped, stamps)]
    chain.issued = [(k, data.draw(st.integers(0, 2**40))) for k in range(len(stamps))]
    laps = list(chain.laps())
    assert [(lap.span_id, lap.issue_ns) for lap in laps] == chain.issued
    assert all(lap.device_ns >= 0 for lap in laps)
    assert sum(lap.device_ns for lap in laps) == round(max(stamps) * 1e6)


def _stamped(at_ms):
    return SimpleNamespace(at_ms=at_ms)


def test_the_pool_grows_and_gets_its_events_back(accelerator, clock):
    with record() as recording, lp.stage("all"), clock.call():
        for _ in range(3 * FIRST_EVENTS):
            with clock.stage():
                accelerator.launch(1000)
    assert len({id(event) for event in clock._pool}) == len(clock._pool) == 3 * FIRST_EVENTS + 1
    (device_ns,) = recording.run.spans["device_ns"]
    assert device_ns >= 3 * FIRST_EVENTS * 1000


def test_without_a_recording_nothing_is_marked(clock):
    with clock.call(), clock.stage():
        pass
    with clock.stage():
        pass
    assert not clock._pending
    assert len(clock._pool) == FIRST_EVENTS


def test_work_outside_any_span_counts_for_none(accelerator, clock):
    with record() as recording, clock.call():
        with clock.stage():
            accelerator.launch(9 * MS)
        with lp.stage("own"), clock.stage():
            accelerator.launch(MS)
    assert recording.run.spans["device_ns"].tolist() == [MS]


def test_a_stage_that_fails_has_no_device_time(accelerator, clock):
    with record() as recording:
        with pytest.raises(ZeroDivisionError):
            fail_in_the_second_of_two_stages(accelerator, clock)
        with pytest.raises(ZeroDivisionError), lp.stage("alone"), clock.stage():
            raise ZeroDivisionError
    device_ns, _ = times(recording)
    assert device_ns["first"] >= MS
    assert device_ns[["second", "alone"]].isna().all()
    assert len(clock._pool) == FIRST_EVENTS


def fail_in_the_second_of_two_stages(accelerator, clock):
    with clock.call():
        with lp.stage("first"), clock.stage():
            accelerator.launch(MS)
        with lp.stage("second"), clock.stage():
            raise ZeroDivisionError


def test_what_an_earlier_recording_left_is_dropped(accelerator, clock):
    with record():
        earlier = session.current
        with lp.stage("early"), clock.stage():
            accelerator.launch(MS)
    late = _Chain(earlier, clock._current())
    late.marks = [clock.mark(late.stream)]
    accelerator.launch(300 * MS)
    late.marks.append(clock.mark(late.stream))
    late.issued = [(0, 5)]
    clock._post(late)  # a thread that outlived its recording
    with record() as recording, lp.stage("next"), clock.stage():
        accelerator.launch(2 * MS)
    device_ns, _ = times(recording)
    assert 2 * MS <= device_ns["next"] < 300 * MS
    assert len(clock._pool) == FIRST_EVENTS


def test_each_thread_has_its_stream(accelerator, clock, torch, place):
    """Two streams at once: each one's stages tile that stream alone."""

    def work(number, kernel_ns):
        stream = torch.Stream(place)
        with stream, clock.call():
            for k in range(2):
                with lp.stage(f"{number}.{k}"), clock.stage():
                    accelerator.launch(kernel_ns)

    with record() as recording:
        threads = [threading.Thread(target=work, args=(n, n * 50 * MS)) for n in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    device_ns, _ = times(recording)
    assert device_ns[["1.1", "2.1"]].tolist() == [50 * MS, 100 * MS]


def test_marks_go_on_a_stream_that_is_given(accelerator, torch, place):
    stream = torch.Stream(place)
    clock = EventClock(torch, place, stream)
    with record() as recording:
        with lp.stage("beside"), clock.stage():
            accelerator.launch(80 * MS)  # on the default stream
        with lp.stage("on it"), clock.stage(), stream:
            accelerator.launch(30 * MS)
    device_ns, _ = times(recording)
    assert device_ns["beside"] < 80 * MS
    assert device_ns["on it"] >= 30 * MS


def test_a_device_in_trouble_leaves_the_run(accelerator, clock, monkeypatch):
    def fail(device):
        raise RuntimeError("device-side assert:\n triggered")

    with record() as recording:
        with lp.stage("lost"), clock.stage():
            accelerator.launch(30 * MS)
        monkeypatch.setattr(clock._torch.accelerator, "synchronize", fail)
    assert recording.run.manifest["device_problem"] == "device-side assert: triggered"
    assert recording.run.spans["device_ns"].isna().all()


def test_waiting_in_place_of_events(accelerator, torch, place):
    clock = WaitingClock(torch, place, "none here")
    before = accelerator.synchronisations()
    with record() as recording, clock.call():
        for name in ("first", "second"):
            with lp.stage(name), clock.stage():
                accelerator.launch(3 * MS)
            assert torch.accelerator.current_stream(place).query()
    assert accelerator.synchronisations() == before + 2
    spans = recording.run.spans
    assert (spans["end_ns"] - spans["start_ns"] >= 3 * MS).all()
    assert spans["device_ns"].isna().all()
    assert clock.timing == "host clock, the device synchronised after each stage: none here"


def test_which_clock_a_device_gets(torch, place):
    assert isinstance(device_clock(torch, place), EventClock)
    assert "no events there: " in device_clock(torch, torch.device("cpu")).timing
    assert "not to be trusted" in device_clock(torch, SimpleNamespace(type="mps")).timing


def test_all_numbers_of_a_call_are_integers_of_ns(accelerator, clock):
    with record() as recording, lp.stage("one"), clock.stage():
        accelerator.launch(12_345)
    table = recording.run.table("spans", ["device_ns", "issue_ns"])
    assert [str(field.type) for field in table.schema] == ["int64", "int64"]
    assert np.all(table["issue_ns"].to_numpy() > 0)


KILLED = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[2])
from accelerator import DEVICE, build
import torch
import latprof as lp
from latprof.recording.deviceclock import device_clock

accelerator = build()
clock = device_clock(torch, torch.device(DEVICE, 0))
end_s = time.monotonic() + 2
with lp.record(sys.argv[1], signals=False):
    while time.monotonic() < end_s:
        with lp.stage("forward"), clock.stage():
            accelerator.launch(1_000_000)
        clock.wait()
    with lp.stage("forward"), clock.stage():
        accelerator.launch(60_000_000_000)  # never reached
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_after_a_kill_only_what_was_not_known_is_null(accelerator, script, tmp_path):
    folder = str(Path(__file__).parents[1] / "simulated")
    with script.start(KILLED, str(tmp_path / "run"), folder) as process:
        _, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (-signal.SIGKILL, "")
    run = lp.recover(tmp_path / "run")
    device_ns = run.spans.sort_values("span_id")["device_ns"]
    assert len(device_ns) > 2
    assert (device_ns.iloc[:-1] >= MS).all()
    assert device_ns.iloc[-1:].isna().all()
