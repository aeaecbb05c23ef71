from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.drift.memory_leak import memory_leak
from latprof.analysis.diagnosis.suspicion import Cleared

MIB = 2.0**20
START = 200 * MIB
SECOND = 1_000_000_000


@pytest.fixture
def held(case):
    """One request in 10 ms for some seconds, with samples each second."""

    def make(megabytes, seconds=8, **others):
        samples = {"rss_bytes": START + MIB * np.asarray(megabytes, float), **others}
        rows = [
            (index * SECOND, name, float(value))
            for name, values in samples.items()
            for index, value in enumerate(np.broadcast_to(values, seconds + 1))
        ]
        return case({"forward": np.full(100 * seconds, 10.0)}, signals=rows)

    return make


def test_memory_that_each_request_leaves_behind(held):
    blocks = 1000 + 400 * np.arange(9)
    (found,) = memory_leak(held(15.0 * np.arange(9), allocated_blocks=blocks))
    assert (found.cause, found.stage, found.level) == ("memory_leak", "", "resource")
    assert "154 KiB" in found.summary
    assert len(found.evidence) == 3


def test_noise_on_the_way_does_not_hide_it(held):
    noise = np.random.default_rng(0).normal(0, 1, 9)
    (found,) = memory_leak(held(15.0 * np.arange(9) + noise))
    assert found.level == "resource"


@pytest.mark.parametrize(
    "megabytes",
    [
        np.zeros(9),
        0.5 * np.arange(9),  # 5 KB a request
        100 * (1 - np.exp(-np.arange(9.0))),  # an allocator that warms up
        np.where(np.arange(9) >= 5, 200.0, 0.0),  # one large input
        [0, 30, 10, 40, 20, 50, 30, 60, 40],  # a sawtooth
        -15.0 * np.arange(9) / 4,
    ],
)
def test_other_shapes_are_none(held, megabytes):
    (said,) = memory_leak(held(megabytes))
    assert isinstance(said, Cleared)
    assert said.known


def test_a_random_walk_of_an_allocator_is_rarely_called_a_leak(held):
    alarms = 0
    for seed in range(50):
        walk = np.cumsum(np.random.default_rng(seed).normal(0, 6, 9))
        (said,) = memory_leak(held(walk))
        alarms += not isinstance(said, Cleared)
    assert alarms == 0


def test_a_short_run_and_one_without_signals_do_not_know(held, case):
    for seen in (held(np.arange(4), seconds=3), case({"forward": np.full(100, 10.0)})):
        (said,) = memory_leak(seen)
        assert not said.known
