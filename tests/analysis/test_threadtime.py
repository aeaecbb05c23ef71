from __future__ import annotations

import math

import numpy as np
import pytest

from latprof.analysis.blocks import Block
from latprof.analysis.threadtime import ThreadTimes

PARENT, CHILD = 0, 1


def shares(*spans, runqueue=True):
    """Shares of two stages; a span is `(stage, wall, cpu, runqueue, parent, thread)`."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*spans, strict=True)]
    stage, wall, cpu, waiting, parent, thread = columns
    ids = np.arange(stage.size)
    times = ThreadTimes(2, runqueue=runqueue)
    times.add(Block(ids * 0, stage, wall * 0, wall, ids, parent, thread, cpu, waiting))
    return times.shares()


def test_a_child_on_the_same_thread_is_taken_from_its_parent():
    found = shares((PARENT, 100, 50, 20, -1, 1), (CHILD, 60, 40, 10, 0, 1))
    assert found[PARENT] == pytest.approx((10 / 40, 10 / 40, 20 / 40))
    assert found[CHILD] == pytest.approx((40 / 60, 10 / 60, 10 / 60))


def test_a_child_on_another_thread_takes_nothing():
    found = shares((PARENT, 100, 10, 0, -1, 1), (CHILD, 80, 80, 0, 0, 2))
    assert found[PARENT] == pytest.approx((0.1, 0, 0.9))
    assert found[CHILD] == pytest.approx((1, 0, 0))


def test_shares_are_over_the_spans_of_which_all_is_known():
    found = shares(
        (CHILD, 100, 50, 10, -1, 1), (CHILD, 900, -1, -1, -1, 1), (CHILD, 900, 900, -1, -1, 1)
    )
    assert found[CHILD] == pytest.approx((0.5, 0.1, 0.4))


def test_nothing_known_is_unknown_and_not_zero():
    found = shares((PARENT, 100, -1, -1, -1, 1))
    assert all(math.isnan(share) for stage in found for share in stage)


def test_without_run_queue_times_the_rest_is_unknown():
    cpu, runqueue, blocked = shares((CHILD, 100, 40, -1, -1, 1), runqueue=False)[CHILD]
    assert cpu == pytest.approx(0.4)
    assert math.isnan(runqueue)
    assert math.isnan(blocked)


def test_an_unknown_child_stays_with_its_parent():
    found = shares((PARENT, 100, 50, 0, -1, 1), (CHILD, 40, -1, -1, 0, 1))
    assert found[PARENT] == pytest.approx((0.5, 0, 0.5))


def test_clocks_that_disagree_stay_within_one():
    found = shares((PARENT, 100, 90, 20, -1, 1), (CHILD, 50, 95, 20, 0, 1))
    for stage in found:
        assert min(stage) >= 0
        assert sum(stage) == pytest.approx(1)
