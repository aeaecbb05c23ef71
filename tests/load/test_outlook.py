from __future__ import annotations

import numpy as np
import pytest

from latprof.load.outlook import outlook
from latprof.load.scenarios import Plan
from latprof.recording.recorder import Counts


def test_an_open_loop_knows_what_it_offers_and_what_is_under_way():
    plan = Plan(offsets=np.arange(100) * 100_000_000, count=100)
    seen = outlook(plan, Counts(requests=15), elapsed_s=2.0)
    assert (seen.achieved, seen.offered, seen.under_way) == (7.5, 10.5, 6)
    assert seen.share == 0.15
    assert seen.remaining_s == pytest.approx(7.9)


def test_a_backlog_takes_longer_than_the_plan():
    plan = Plan(offsets=np.arange(100) * 10_000_000, count=100)
    seen = outlook(plan, Counts(requests=50), elapsed_s=1.0)
    assert seen.under_way == 50
    assert seen.remaining_s == 1.0


def test_a_closed_loop_is_known_by_its_workers():
    seen = outlook(Plan(count=40, workers=3), Counts(requests=10), elapsed_s=2.0)
    assert (seen.achieved, seen.offered, seen.under_way) == (5.0, None, 3)
    assert (seen.share, seen.remaining_s) == (0.25, 6.0)


def test_time_ends_what_has_no_count():
    seen = outlook(Plan(duration_ns=8 * 10**9), Counts(requests=10), elapsed_s=2.0)
    assert (seen.share, seen.remaining_s) == (0.25, 6.0)
    assert outlook(Plan(duration_ns=10**9), Counts(), elapsed_s=3.0).remaining_s == 0.0


def test_whichever_end_comes_first_counts():
    plan = Plan(count=1000, duration_ns=8 * 10**9)
    assert outlook(plan, Counts(requests=10), elapsed_s=2.0).remaining_s == 6.0
    assert outlook(plan, Counts(requests=800), elapsed_s=2.0).remaining_s == 0.5


def test_at_the_begin_nothing_is_known():
    seen = outlook(Plan(count=10), Counts(), elapsed_s=0.0)
    assert (seen.achieved, seen.offered, seen.share, seen.remaining_s) == (None, None, 0.0, None)
    assert not seen.is_open
    assert outlook(Plan(offsets=np.arange(3), count=3), Counts(), elapsed_s=0.0).is_open


def test_a_first_arrival_after_a_quarter_of_an_hour():
    plan = Plan(offsets=np.array([1_000_000_000_000]), count=1)
    seen = outlook(plan, Counts(), elapsed_s=100.0)
    assert (seen.offered, seen.under_way, seen.remaining_s) == (0.0, 0, 900.0)
