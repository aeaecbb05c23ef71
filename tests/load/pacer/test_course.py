"""Every request is sent once, in order, never early, whatever the sleeps do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.load.pacer.alarm import Alarm
from latprof.load.pacer.course import run_course

ORIGIN_NS = 10**12
SECOND_NS = 10**9


class SlowClock:
    """A clock that wakes sleepers late by what a script says, and moves on when it is read."""

    def __init__(self, lateness_ns=(0,), tick_ns=50):
        self.at_ns = ORIGIN_NS - 1_000_000
        self.sleeps = 0
        self._lateness_ns, self._tick_ns = lateness_ns, tick_ns

    def now_ns(self):
        self.at_ns += self._tick_ns
        return self.at_ns

    def sleep_until(self, instant_ns):
        late_ns = self._lateness_ns[self.sleeps % len(self._lateness_ns)]
        self.sleeps += 1
        self.at_ns = max(self.at_ns, instant_ns + late_ns)


def carried_out(offsets, clock, stops_after=None):
    offsets = np.asarray(offsets, np.int64)
    sent = np.zeros(offsets.size, np.int64)
    given_counts, looks = [], []

    def is_stopped(wait_ns):
        looks.append(wait_ns)
        clock.at_ns += wait_ns
        return stops_after is not None and len(looks) > stops_after

    alarm = Alarm(clock.now_ns, clock.sleep_until)
    count = run_course(offsets.data, sent.data, ORIGIN_NS, alarm, given_counts.append, is_stopped)
    return count, sent, given_counts, looks


@given(
    gaps=st.lists(st.integers(0, 5 * SECOND_NS), min_size=1, max_size=200),
    lateness=st.lists(st.integers(-200_000, 30_000_000), min_size=1, max_size=20),
)
def test_nothing_is_early_nothing_is_skipped_and_the_order_stays(gaps, lateness):
    offsets = np.cumsum(gaps)
    count, sent, given_counts, _ = carried_out(offsets, SlowClock(lateness))
    assert count == sum(given_counts) == len(gaps)
    assert (sent >= ORIGIN_NS + offsets).all()
    assert (np.diff(sent) >= 0).all()


def test_after_a_stall_all_that_is_due_is_sent_at_once_in_batches():
    clock = SlowClock([0, 50_000_000])
    _, sent, given_counts, _ = carried_out(np.arange(1, 201) * 100_000, clock)
    assert max(given_counts) == 64
    stalled = sent - ORIGIN_NS - np.arange(1, 201) * 100_000
    assert stalled.max() > 40_000_000
    assert clock.sleeps < 10


def test_a_long_gap_is_waited_for_where_the_end_of_the_load_is_heard():
    count, sent, _, looks = carried_out([0, 3600 * SECOND_NS], SlowClock())
    assert count == 2
    assert sent[1] >= ORIGIN_NS + 3600 * SECOND_NS
    assert max(looks) > 3500 * SECOND_NS


def test_a_load_that_was_ended_sends_no_more():
    count, sent, given_counts, _ = carried_out(
        np.arange(1, 10_000) * 1_000_000, SlowClock(), stops_after=2
    )
    assert count == sum(given_counts) < 400
    assert not sent[count:].any()


def test_the_alarm_asks_to_be_woken_by_its_own_lateness_sooner():
    clock = SlowClock([30_000])
    offsets = np.arange(1, 1001) * 1_000_000
    _, sent, _, _ = carried_out(offsets, clock)
    late_ns = sent - ORIGIN_NS - offsets
    assert late_ns[0] > 10_000
    assert np.median(late_ns[500:]) < 1_000


@pytest.mark.parametrize("lateness_ns", [5_000_000, 10**8])
def test_however_late_the_wake_ups_the_spin_is_short(lateness_ns):
    clock = SlowClock([lateness_ns])
    alarm = Alarm(clock.now_ns, clock.sleep_until)
    for _ in range(2_000):
        alarm.wait(clock.at_ns + 10**9)
    clock._lateness_ns = [0]
    before_ns = clock.at_ns
    alarm.wait(before_ns + 90_000)
    assert clock.at_ns - before_ns < 200_000
    alarm.wait(clock.at_ns + 10**9)
    assert alarm._usual_ns <= 100_000
