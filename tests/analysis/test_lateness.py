from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.columns import UNKNOWN
from latprof.analysis.lateness import at_rank, find_backlog, lateness, utilisation
from latprof.analysis.measured import Requests


def requests(intended, started, finished, worker=None, sent=None):
    columns = [np.array(column, dtype=np.int64) for column in (intended, started, finished)]
    n = columns[0].size
    worker = np.zeros(n, np.int64) if worker is None else np.array(worker)
    sent = np.full(n, UNKNOWN) if sent is None else np.array(sent)
    return Requests(np.arange(n), *columns, worker, np.zeros(n, np.int64), np.full(n, 2), sent)


def test_a_busy_worker_is_a_queue_and_a_free_one_that_wakes_late_is_lateness():
    late = lateness(
        requests(
            intended=[0, 10, 200, 210],
            started=[3, 100, 200, 305],
            finished=[100, 150, 300, 400],
        )
    )
    #  woke 3 late; waited for the worker; on time; worker free at 300, woke 5 late
    assert late.tolist() == [3, 0, 0, 5]


def test_each_worker_has_its_own_history_in_whatever_order_rows_come():
    late = lateness(
        requests(
            intended=[0, 5, 20, 30],
            started=[0, 5, 58, 90],
            finished=[90, 50, 70, 95],
            worker=[1, 2, 2, 1],
        )
    )
    assert late.tolist() == [0, 0, 8, 0]


def test_overlapping_requests_on_one_worker_are_never_early():
    assert lateness(requests([0, 5], [0, 5], [100, 50])).tolist() == [0, 0]


def test_where_another_process_paced_what_it_did_late_is_the_lateness():
    times = {"intended": [0, 10, 200, 210], "started": [3, 100, 208, 305]}
    times["finished"] = [100, 150, 300, 400]
    assert lateness(requests(**times, sent=[1, 12, 200, 211])).tolist() == [1, 2, 0, 1]
    some = lateness(requests(**times, sent=[1, UNKNOWN, UNKNOWN, 211]))
    assert some.tolist() == [1, 0, 8, 1]


def test_utilisation_is_the_busy_share_of_all_workers():
    found = utilisation(requests([0, 0, 50], [0, 0, 50], [30, 20, 100], worker=[0, 1, 0]))
    assert found == pytest.approx((30 + 20 + 50) / (2 * 100))
    assert utilisation(requests([5], [5], [5])) == 0


def test_backlog_of_a_queue_that_grows():
    """100 requests planned 10 apart, served 12 each: 1/6 of the planned rate is not achieved."""
    intended = 10 * np.arange(100)
    started = 12 * np.arange(100)
    sent = requests(intended, started, started + 12)
    found = find_backlog(sent, lateness(sent))
    assert found.planned == pytest.approx(1e8)
    assert found.late_ns == 0
    assert 0.15 < found.shortfall < 0.18


def test_a_momentary_queue_at_the_end_is_no_backlog():
    intended = 10 * np.arange(200)
    started = intended.copy()
    started[-5:] += 300
    sent = requests(intended, started, started + 1)
    assert find_backlog(sent, lateness(sent)).shortfall == 0


def test_without_a_planned_time_there_is_no_plan():
    sent = requests([7, 7], [7, 9], [9, 11])
    assert find_backlog(sent, lateness(sent)) is None


def test_rank_of_a_small_sample():
    assert at_rank(np.array([5, 1, 9]), 0.99) == 9
    assert at_rank(np.array([5, 1, 9]), 0.5) == 5
