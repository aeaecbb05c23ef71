from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.diagnosis.drift.progressive_slowdown import progressive_slowdown
from latprof.analysis.diagnosis.suspicion import Cleared

N = 480
CLIMB = np.linspace(1, 3, N)


def test_a_stage_that_takes_ever_longer(recorded, said):
    found = said(progressive_slowdown, recorded({"check": CLIMB, "score": 2.0}))
    assert (found.stage, found.level) == ("check", "trend")
    assert len(found.evidence) == 2
    # The last quarter: 2.75 ms of check and 2 of score; 1.125 ms of check at first.
    assert np.median(found.before_ns) == pytest.approx(4.75e6, rel=0.05)
    assert np.median(found.after_ns) == pytest.approx(3.1e6, rel=0.05)


def test_a_service_without_stages_can_be_it_too(recorded, said):
    assert said(progressive_slowdown, recorded({"all": CLIMB})).stage == "all"


@pytest.mark.parametrize(
    "shape",
    [
        np.ones(N),
        np.linspace(1, 1.3, N),  # less than half more
        np.where(np.arange(N) < 240, 1.0, 2.0),  # a step: something happened at one instant
        np.where((np.arange(N) > 200) & (np.arange(N) < 300), 4.0, 1.0),  # a burst that passes
        CLIMB[::-1],
    ],
)
def test_other_shapes_are_none(recorded, said, shape):
    assert isinstance(said(progressive_slowdown, recorded({"check": shape, "score": 2.0})), Cleared)


def test_a_machine_that_slows_all_stages_down_is_none(recorded, said):
    run = recorded({"check": CLIMB, "score": 2 * CLIMB})
    assert isinstance(said(progressive_slowdown, run), Cleared)


def test_inputs_that_grow_are_not_the_service(recorded, said, lengths):
    tokens = np.sort(lengths(N))
    run = recorded({"forward": 0.02 * tokens, "post": 0.5}, {"tokens": tokens.tolist()})
    assert isinstance(said(progressive_slowdown, run), Cleared)


def test_a_small_part_that_grows_matters_to_nobody(recorded, said):
    run = recorded({"check": 0.02 * CLIMB, "score": 2.0})
    assert isinstance(said(progressive_slowdown, run), Cleared)


def test_few_requests_tell_no_climb(recorded, said):
    cleared = said(progressive_slowdown, recorded({"check": CLIMB[:60]}))
    assert not cleared.known


def test_false_alarms_are_rare(recorded, said):
    for seed in range(20):
        run = recorded({"check": np.full(200, 1.0), "score": 1.0}, seed=seed)
        assert isinstance(said(progressive_slowdown, run), Cleared)
