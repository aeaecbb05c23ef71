from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.recurrence import comes_by_count

TURNS = np.arange(2_000)


@pytest.mark.parametrize("every", [16, 20, 50])
@pytest.mark.parametrize("inputs", [200, 400, 2_000])
def test_a_counter_is_known_whichever_inputs_it_meets(every, inputs):
    assert comes_by_count(TURNS % every == 3, TURNS % inputs)


def test_a_few_slow_requests_between_do_not_hide_it():
    slow = TURNS % 20 == 3
    slow[np.random.default_rng(0).choice(TURNS.size, 10)] = True
    assert comes_by_count(slow, TURNS % 100)


@pytest.mark.parametrize("seed", range(20))
def test_chance_comes_by_no_count(seed):
    slow = np.random.default_rng(seed).random(TURNS.size) < 0.04
    assert not comes_by_count(slow, TURNS)


def test_one_input_that_comes_again_and_again_is_that_input():
    assert not comes_by_count(TURNS % 50 == 3, TURNS % 50)


def test_what_comes_often_is_no_stall():
    assert not comes_by_count(TURNS % 8 == 3, TURNS)


def test_none_is_slow():
    assert not comes_by_count(np.zeros(100, np.bool_), np.arange(100))
