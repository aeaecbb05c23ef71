"""Service times that depend on what a request finds in service."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.whatif.levels import factors


def test_what_makes_no_difference_is_not_made_up():
    """Chance alone shrinks to nothing nearly always, and never to more than a per cent or two."""
    shown = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        found = factors(rng.lognormal(0, 0.5, 2_000), rng.integers(0, 2, 2_000), 1)
        shown.append(max(found) / min(found) - 1)
    assert np.mean(np.array(shown) > 0) < 0.2
    assert max(shown) < 0.06


def test_a_service_that_is_slower_beside_others_is_seen():
    rng = np.random.default_rng(0)
    found = rng.integers(0, 3, 6_000)
    services = rng.lognormal(0, 0.3, 6_000) * np.array([1.0, 1.2, 1.5])[found]
    alone, one, two = factors(services, found, 2)
    assert one / alone == pytest.approx(1.2, rel=0.05)
    assert two / alone == pytest.approx(1.5, rel=0.05)


def test_a_slow_spell_is_no_state():
    """In a slow spell requests find more in service, without being slow for that."""
    rng = np.random.default_rng(1)
    slow = np.arange(4_000) // 1_000 % 2 == 1
    services = rng.lognormal(0, 0.2, 4_000) * np.where(slow, 1.3, 1.0)
    found = (rng.random(4_000) < np.where(slow, 0.8, 0.2)).astype(int)
    told = factors(services, found, 1)
    assert max(told) / min(told) < 1.03


def test_few_requests_and_empty_classes_tell_nothing():
    assert factors(np.ones(50), np.zeros(50, int), 3) == (1.0,)
    rng = np.random.default_rng(2)
    found = rng.integers(0, 2, 2_000)
    services = rng.lognormal(0, 0.1, 2_000) * np.array([1.0, 1.4])[found]
    told = factors(services, found, 3)  # two or three in service were never found
    assert len(told) == 4
    assert told[3] == told[1] > told[0]
