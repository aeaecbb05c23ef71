from __future__ import annotations

import gc
import threading

import pytest

import latprof as lp


def test_a_recording_holds_signals_and_events():
    kept = [[each] for each in range(100_000)]  # more than can be looked through in 0.1 ms
    with lp.record() as recording:
        gc.collect()
    assert kept
    run = recording.run
    signals = run.signals.groupby("signal").value
    assert signals.count()["process_cpu_s"] == 2  # at the start and at the end
    assert signals.last()["gc_full_collections"] >= 1
    assert (signals.min()["gc_pause_ns"]) >= 100_000
    assert not set(run.manifest["signals_absent"]) & set(signals.groups)
    assert isinstance(run.manifest["pools"], list)


def test_listeners_and_threads_are_as_before():
    before = list(gc.callbacks), threading.active_count()
    with lp.record():
        pass
    assert (list(gc.callbacks), threading.active_count()) == before


def test_without_signals_nobody_listens():
    before = list(gc.callbacks)
    with lp.record(signals=False) as recording:
        assert gc.callbacks == before
    assert recording.run.signals.empty


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_listen():
    import os

    before = list(gc.callbacks)
    with lp.record():
        child = os.fork()
        if child == 0:
            os._exit(int(list(gc.callbacks) != before))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
