from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.data.slow_inputs import slow_inputs
from latprof.analysis.diagnosis.suspicion import Suspicion


def served(case, slow, **attributes):
    """Forty inputs, over and over; a slow request takes 25 ms in `features`."""
    keys = np.arange(slow.size) % 40
    noise = np.random.default_rng(0).lognormal(0, 0.1, slow.size)
    return case(
        {"features": np.where(slow, 25.0, 0.1) * noise, "rank": np.full(slow.size, 0.5)},
        attributes={"input": keys, **attributes},
    )


def test_the_same_inputs_are_slow_each_time(case):
    (found,) = slow_inputs(served(case, np.arange(400) % 8 == 3))
    assert (found.cause, found.stage, found.level) == ("slow_inputs", "features", "tail")
    assert np.quantile(found.after_ns, 0.99) < 1e6


def test_stalls_that_any_input_may_meet_are_others(case):
    slow = np.random.default_rng(1).random(400) < 0.05
    (cleared,) = slow_inputs(served(case, slow))
    assert cleared.known is True


@pytest.mark.parametrize("seed", range(30))
def test_chance_makes_no_slow_inputs(case, seed):
    slow = np.random.default_rng(seed).random(120) < 0.1
    assert not [each for each in slow_inputs(served(case, slow)) if isinstance(each, Suspicion)]


def test_what_is_slow_for_its_size_is_another_cause(case):
    slow = np.arange(400) % 8 == 3
    (cleared,) = slow_inputs(served(case, slow, input_size=np.where(slow, 900, 100)))
    assert cleared.known is True


def test_inputs_that_came_once_tell_nothing(case):
    slow = np.arange(40) % 8 == 3
    (cleared,) = slow_inputs(served(case, slow))
    assert cleared.known is True


def test_without_the_input_nothing_is_known(case):
    (cleared,) = slow_inputs(case({"forward": np.ones(10)}))
    assert cleared.known is False


def once(case, slow, **attributes):
    """Inputs that come once each; a slow request takes 25 ms in `features`."""
    noise = np.random.default_rng(0).lognormal(0, 0.1, slow.size)
    return case(
        {"features": np.where(slow, 25.0, 0.1) * noise, "rank": np.full(slow.size, 0.5)},
        attributes={"input": np.arange(slow.size), **attributes},
    )


def test_two_kinds_of_inputs_that_come_once_are_a_suspect(case):
    slow = np.random.default_rng(2).random(400) < 0.15
    (found,) = slow_inputs(once(case, slow))
    assert (found.stage, found.level, len(found.evidence)) == ("features", "tail", 1)
    assert np.quantile(found.after_ns, 0.99) < 1e6


def test_a_label_that_tells_them_apart_makes_it_likely(case):
    slow = np.random.default_rng(2).random(400) < 0.15
    (found,) = slow_inputs(once(case, slow, tenant=np.where(slow, "acme", "others")))
    assert len(found.evidence) == 2
    assert "tenant" in found.evidence[1].signal


def test_two_kinds_of_sizes_are_another_cause(case):
    slow = np.random.default_rng(2).random(400) < 0.15
    (cleared,) = slow_inputs(once(case, slow, input_size=np.where(slow, 900, 100)))
    assert cleared.known is True


def test_inputs_that_are_quick_again_are_not_it(case):
    slow = np.random.default_rng(2).random(400) < 0.15
    (cleared,) = slow_inputs(served(case, slow))
    assert cleared.known is True
