"""Runs that a real recording has written, of services on a clock that stands still."""

from __future__ import annotations

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.diagnosis.case import Case
from latprof.testing import FakeClock


class Service:
    """Takes in each stage what its input says, in ms, and annotates what it is told."""

    def __init__(self):
        self.clock = FakeClock()

    def __call__(self, request):
        stages, attributes = request
        lp.annotate(**attributes)
        for name, ms in stages.items():
            with lp.stage(name):
                self.clock.advance(round(ms * 1e6))


def _recorded(stages, attributes=None, **given):
    """Record one request for each value; stages by name, in ms; a tenth of noise with a seed."""
    noise = np.random.default_rng(given.pop("seed", 0))
    n = max(np.size(each) for each in stages.values())
    walls = {
        name: np.broadcast_to(each, n) * noise.lognormal(0, 0.1, n) for name, each in stages.items()
    }
    inputs = [
        (
            {name: float(each[i]) for name, each in walls.items()},
            {name: each[i] for name, each in (attributes or {}).items()},
        )
        for i in range(n)
    ]
    given = {"probe": "wall", "signals": False, "progress": False} | given
    return lp.profile(Service(), inputs, **given)


@pytest.fixture
def recorded():
    return _recorded


@pytest.fixture
def said():
    """What a detector says of a run, alone or since a baseline: one thing."""

    def ask(detector, run, baseline=None):
        (answer,) = detector(Case(run, baseline))
        return answer

    return ask


@pytest.fixture
def lengths():
    def draw(n, typical=100, seed=0):
        drawn = np.random.default_rng([seed, 7]).lognormal(np.log(typical), 0.3, n)
        return drawn.round().astype(int)

    return draw
