from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.selftime import (
    Line,
    covered,
    painting_order,
    self_times,
    self_times_above,
)


def in_order(spans):
    """Return begins and ends of `(start, end)` pairs in painting order, and the order."""
    start, end = (np.array([span[i] for span in spans], dtype=np.int64) for i in (0, 1))
    order = painting_order(start, start, end, np.arange(len(spans)))
    return start[order], end[order], order


def self_times_of(*spans):
    start, end, order = in_order(spans)
    own = np.empty(len(spans), dtype=np.int64)
    own[order] = self_times(start, end)
    return own.tolist()


def brute_force(spans):
    """Paint every nanosecond: spans by begin, longest first, then as given."""
    owner = {}
    for index in sorted(range(len(spans)), key=lambda i: (spans[i][0], -spans[i][1], i)):
        owner |= dict.fromkeys(range(*spans[index]), index)
    return [sum(each == index for each in owner.values()) for index in range(len(spans))]


@st.composite
def anything(draw):
    """Spans that nest, cross, touch, coincide or have no length."""
    instants = st.integers(0, 30)
    pairs = draw(st.lists(st.tuples(instants, instants), max_size=9))
    return [(min(pair), max(pair)) for pair in pairs]


@st.composite
def nested(draw, begin=0, length=60, depth=4):
    """Spans of which each two are disjoint or one inside the other, in any order."""
    spans = []
    cuts = sorted(draw(st.lists(st.integers(begin, begin + length), max_size=6)))
    for left, right in zip(cuts[::2], cuts[1::2], strict=False):
        spans.append((left, right))
        if depth:
            spans += draw(nested(left, right - left, depth - 1))
    return draw(st.permutations(spans))


@settings(deadline=None)
@given(anything())
def test_agrees_with_painting_every_nanosecond(spans):
    assert self_times_of(*spans) == brute_force(spans)


@settings(deadline=None)
@given(nested())
def test_nested_spans_agree_too(spans):
    assert self_times_of(*spans) == brute_force(spans)


@settings(deadline=None)
@given(anything())
def test_self_times_sum_to_what_is_covered(spans):
    start, end, _ = in_order(spans)
    union = len({instant for span in spans for instant in range(*span)})
    assert self_times(start, end).sum() == union
    assert covered(start, end).sum() == union


def test_children_take_from_their_parent():
    assert self_times_of((0, 100), (10, 30), (40, 50)) == [70, 20, 10]


def test_a_stage_inside_itself():
    assert self_times_of((0, 100), (10, 90), (20, 80)) == [20, 20, 60]


def test_side_by_side_the_youngest_owns_the_overlap():
    assert self_times_of((0, 20), (10, 30)) == [10, 20]
    assert self_times_of((0, 100), (10, 50), (20, 40)) == [60, 20, 20]
    assert self_times_of((0, 10), (5, 15), (12, 20)) == [5, 7, 8]


def test_a_span_that_outlives_its_parent():
    assert self_times_of((0, 50), (10, 80)) == [10, 70]


def test_spans_without_length_own_nothing_and_take_nothing():
    assert self_times_of((0, 0), (0, 10), (5, 5), (10, 10)) == [0, 10, 0, 0]


def test_equal_instants():
    assert self_times_of((0, 10), (0, 10)) == [0, 10]  # the later one is the inner one
    assert self_times_of((0, 5), (0, 10)) == [5, 5]  # the shorter one is
    assert self_times_of((0, 5), (5, 10)) == [5, 5]


def test_nothing_at_all():
    assert self_times_of() == []


def test_deep_recursion():
    depth = 500
    spans = [(level, 2 * depth - level) for level in range(depth)]
    assert self_times_of(*spans) == [2] * depth


def test_many_siblings_and_a_long_staircase():
    siblings = [(0, 4000), *((4 * i, 4 * i + 3) for i in range(1000))]
    assert self_times_of(*siblings) == [1000] + [3] * 1000
    stairs = [(2 * i, 2 * i + 1001) for i in range(1000)]
    assert self_times_of(*stairs) == [2] * 999 + [1001]


def test_nanoseconds_stay_exact_where_doubles_would_not():
    big = (1 << 61) + 1
    assert self_times_of((0, big), (1, big - 1), (3, 4)) == [2, big - 3, 1]


def test_the_line_lays_lengths_end_to_end_with_a_gap_and_cuts_what_reaches_out():
    line = Line(np.array([1000, 500]), np.array([100, 50]))
    rows = np.array([0, 0, 0, 1, 1, 1])
    instants = np.array([900, 1040, 5000, 0, 520, 551])
    assert line.places(instants, rows).tolist() == [0, 40, 100, 101, 121, 151]
    assert line.since_begin(np.array([40, 121]), np.array([0, 1])).tolist() == [40, 20]


@pytest.mark.parametrize("cut_at", [5, 0])
def test_spans_cut_to_one_place_keep_the_order_in_which_they_began(cut_at):
    """The span that began last owns what follows, although both are cut to the same begin."""
    start, end = np.array([cut_at - 2, cut_at - 1]), np.array([50, 100])
    order = painting_order(np.maximum(start, 5), start, end, np.array([1, 0]))
    assert order.tolist() == [0, 1]


@settings(deadline=None)
@given(anything(), st.lists(st.integers(1, 12), max_size=4), st.integers(0, 9))
def test_spans_below_own_what_no_other_covers(spans, steps, begin):
    below = []
    for length in steps:  # end to end, as the steps of a stream
        below.append((begin, begin + length))
        begin += length
    start, end, order = in_order(spans + below)
    is_below = order >= len(spans)
    own = np.empty(len(order), np.int64)
    own[order] = self_times_above(start, end, is_below)
    taken = {at for span in spans for at in range(*span)}
    assert own[: len(spans)].tolist() == brute_force(spans)
    assert own[len(spans) :].tolist() == [len(set(range(*each)) - taken) for each in below]


@settings(deadline=None)
@given(anything(), st.randoms(use_true_random=False))
def test_whatever_lies_below_the_sum_is_what_any_span_covers(spans, random):
    start, end, _ = in_order(spans)
    below = np.array([random.random() < 0.5 for _ in spans], np.bool_)
    own = self_times_above(start, end, below)
    assert own.sum() == covered(start, end).sum()
    assert (own >= 0).all()
