"""Which input each request takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import latprof as lp
from latprof.errors import UsageError
from latprof.load.draw import Order, drawn
from latprof.load.scenarios import Concurrent, Offline, SingleStream

PLAN = SingleStream().plan(3, 0)


@given(size=st.integers(1, 1_000), seed=st.integers(0, 2**63), place=st.integers(0, 10**9))
def test_an_order_is_a_pure_function_of_seed_and_place(size, seed, place):
    assert Order(size, seed)[place] == Order(size, seed)[place]
    assert 0 <= Order(size, seed)[place] < size


@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.0, 2.0, 5.0])])
def test_inputs_come_as_often_as_they_weigh(weights):
    order = Order(4, 9, weights)
    counts = np.bincount([order[place] for place in range(40_000)], minlength=4)
    share = np.full(4, 0.25) if weights is None else weights / weights.sum()
    used = share > 0
    assert stats.chisquare(counts[used], 40_000 * share[used]).pvalue > 1e-3
    assert not counts[~used].any()


def test_in_order_nothing_is_drawn():
    assert drawn(PLAN, [1, 2, 3], "sequential", None, 0) == (PLAN, "sequential")
    run = lp.profile(len, ["a"], progress=False, signals=False)
    assert run.requests["attr.input"].tolist() == [0]
    assert run.manifest["draw"] == "sequential"


@pytest.mark.parametrize(
    ("options", "word"),
    [({"draw": "uniform"}, "uniform"), ({"weights": [0, 1, 3]}, "weighted")],
)
def test_what_was_drawn_is_kept(options, word):
    taken = []
    scenario = SingleStream(requests=30)
    quiet = {"progress": False, "signals": False}
    run = lp.profile(taken.append, [0, 1, 2], scenario, seed=3, **options, **quiet)
    assert run.requests["attr.input"].tolist() == taken
    assert run.manifest["draw"] == word
    again = []
    lp.profile(again.append, [0, 1, 2], SingleStream(duration=0.01), seed=3, **options, **quiet)
    both = min(len(taken), len(again))
    assert taken[:both] == again[:both]


def test_a_field_of_the_inputs_can_hold_their_weights():
    rows = [{"text": "a", "weight": 0}, {"text": "b", "weight": 2.5}]
    run = lp.profile(
        len, rows, Concurrent(2, requests=10), weights="weight", progress=False, signals=False
    )
    assert run.requests["attr.input"].tolist() == [1] * 10


def test_lists_of_inputs_are_drawn_one_by_one(carry_out):
    taken = []
    plan = Offline(batch=2, requests=2)
    lp.profile(taken.append, [5, 6, 7], plan, weights=[0, 0, 1], progress=False, signals=False)
    assert taken == [[7, 7], [7]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draw": "random"}, "draw= takes 'sequential' or 'uniform', not 'random'"),
        ({"draw": "uniform", "weights": [1, 1]}, "takes all inputs alike"),
        ({"weights": [1]}, "weights= has 1 numbers for 2 inputs"),
        ({"weights": [1, -1]}, "input 1 has -1, not a number from 0"),
        ({"weights": [float("nan"), 1]}, "input 0 has nan"),
        ({"weights": [0, 0]}, "add up to nothing"),
        ({"weights": 7}, "weights= takes a number for each input"),
        ({"weights": "often"}, "weights='often': input 0 has no field of this name"),
    ],
)
def test_what_cannot_be_drawn_by_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        lp.profile(len, ["a", "b"], progress=False, **options)
