from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.ops.nesting import self_times


def arrays(*columns):
    return [np.array(column, dtype=np.int64) for column in columns]


@st.composite
def calls(draw, start=0, room=1000, depth=3):
    """A forest of calls: (start, duration) pairs, children inside their parents."""
    found = []
    at = start
    while depth and draw(st.booleans()):
        at += draw(st.integers(0, 20))
        duration = draw(st.integers(1, 300))
        if at + duration > start + room:
            break
        found.append((at, duration))
        found += draw(calls(start=at, room=duration, depth=depth - 1))
        at += duration
    return found


@given(calls())
def test_self_times_add_up_to_the_outermost_calls(found):
    starts, durations = arrays([start for start, _ in found], [length for _, length in found])
    covered = np.zeros(1000, dtype=bool)
    for start, duration in found:
        covered[start : start + duration] = True
    own = self_times(starts, durations, np.zeros(len(found), dtype=np.int64))
    assert own.sum() == covered.sum()
    assert (own >= 0).all()


def test_threads_do_not_nest_in_each_other():
    assert self_times(*arrays([0, 10], [100, 20], [0, 1])).tolist() == [100, 20]


def test_a_sibling_that_begins_a_rounding_early_is_no_child():
    parent, first, second = (0, 100), (0, 50), (49, 50)
    starts, durations = zip(parent, first, second, strict=True)
    assert self_times(*arrays(starts, durations, [0, 0, 0])).tolist() == [0, 50, 50]


def test_a_child_that_ends_a_rounding_late_is_a_child():
    assert self_times(*arrays([0, 50], [100, 51], [0, 0])).tolist() == [50, 51]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 2))))
def test_any_events_have_self_times_within_their_own(events):
    starts, durations, threads = zip(*events, strict=True) if events else ((), (), ())
    own = self_times(*arrays(starts, durations, threads))
    assert ((own >= 0) & (own <= np.array(durations, dtype=np.int64))).all()
