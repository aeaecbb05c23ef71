from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.data.kinds import two_kinds

N = 400


@pytest.fixture
def asked(case):
    """400 requests that take 0.1 ms in `features`, slow ones 14 ms."""

    def make(slow, *, beside=0.5, **given):
        noise = np.random.default_rng(0).lognormal(0, 0.1, N)
        walls = {"features": np.where(slow, 14.0, 0.1) * noise, "rank": np.broadcast_to(beside, N)}
        return case(walls, **given)

    return make


def some(share, seed=1):
    return np.random.default_rng(seed).random(N) < share


def test_a_cache_that_misses_now_and_then(asked):
    slow = some(0.1)
    kinds = two_kinds(asked(slow), "features")
    assert kinds is not None
    np.testing.assert_array_equal(kinds.slow, slow)
    assert kinds.longest_quick_ns < 1e6 < kinds.shortest_ns


@pytest.mark.parametrize(
    ("slow", "why"),
    [
        (some(0.02), "few are stalls"),
        (some(0.7), "most are the usual time"),
        (np.arange(N) % 10 == 3, "every tenth follows the count"),
        (some(0.4) & (np.arange(N) < 150), "a burst is no input"),
    ],
)
def test_what_is_no_matter_of_the_input(asked, slow, why):
    assert two_kinds(asked(slow), "features") is None, why


def test_a_process_that_stands_still_does_so_everywhere(asked):
    slow = some(0.1)
    seen = asked(slow, beside=np.where(slow, 12.0, 0.5))
    assert two_kinds(seen, "features") is None


def test_a_wait_for_a_core_makes_no_kind(asked):
    slow = some(0.1)
    waits = np.where(slow, 0.99, 0.0)
    seen = asked(slow, cpu={"features": 1 - waits}, runqueue={"features": waits})
    assert two_kinds(seen, "features") is None


@pytest.mark.parametrize("seed", range(20))
def test_a_long_tail_is_one_kind(case, seed):
    times = np.random.default_rng(seed).lognormal(0, 1.2, N)
    assert two_kinds(case({"features": times}), "features") is None
