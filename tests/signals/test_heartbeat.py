from __future__ import annotations

import threading
import time

import pytest

from latprof.signals.heartbeat import Heartbeat


def names():
    return [thread.name for thread in threading.enumerate()]


def test_it_beats_until_it_is_stopped():
    heart = Heartbeat()
    heart.start()
    assert "latprof-heartbeat" in names()
    deadline = time.monotonic() + 30
    while not (found := heart.read()) and time.monotonic() < deadline:
        time.sleep(0.01)
    heart.stop()
    heart.stop()
    assert "latprof-heartbeat" not in names()
    assert 0 <= found["heartbeat_late_p50_s"] <= found["heartbeat_late_max_s"]


def test_without_a_beat_it_tells_nothing():
    assert Heartbeat().read() == {}


def test_it_ends_where_ctrl_c_came_before_its_thread_began(monkeypatch):
    def pressed(_):
        raise KeyboardInterrupt

    heartbeat = Heartbeat()
    monkeypatch.setattr(threading.Thread, "start", pressed)
    with pytest.raises(KeyboardInterrupt):
        heartbeat.start()
    heartbeat.stop()
    assert heartbeat.read() == {}
