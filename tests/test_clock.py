from __future__ import annotations

import time

from latprof import clock


def test_sleep_returns_at_the_instant_or_later_never_before(monkeypatch):
    now_ns = [1_000]
    naps_s = []

    def wake_early(seconds):
        naps_s.append(seconds)
        now_ns[0] += max(1, int(seconds * 1e9) // 2)

    monkeypatch.setattr(clock.time, "perf_counter_ns", lambda: now_ns[0])
    monkeypatch.setattr(clock.time, "sleep", wake_early)
    clock.SystemClock().sleep_until_ns(50_000)
    assert now_ns[0] >= 50_000
    assert len(naps_s) > 1


def test_an_instant_that_has_passed_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(clock.time, "sleep", lambda _: 1 / 0)
    clock.SystemClock().sleep_until_ns(time.perf_counter_ns() - 1)


def test_the_clock_never_steps_back():
    read = [clock.SYSTEM_CLOCK.now_ns() for _ in range(1000)]
    assert read == sorted(read)
