from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.drift.given import course_of, explained
from latprof.analysis.drift.subject import categories, numbers


def attribute(values):
    return numbers("tokens", "input", np.asarray(values, float), np.arange(len(values)), 0.1)


def test_the_course_follows_what_the_attribute_costs():
    rng = np.random.default_rng(0)
    tokens = rng.uniform(10, 200, 1000)
    service = 1e6 + 1e4 * tokens * rng.lognormal(0, 0.1, 1000)
    course = course_of(attribute(tokens), service)
    assert course.of(np.array([100.0]))[0] == pytest.approx(2e6, rel=0.03)
    assert explained(attribute(tokens), service) > 0.8
    assert not course.covers(np.array([400.0]))[0]


def test_an_attribute_that_costs_nothing_explains_nothing():
    shares = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shares.append(explained(attribute(rng.uniform(10, 200, 200)), rng.lognormal(14, 0.3, 200)))
    assert max(shares) < 0.2


def test_categories_have_a_level_each():
    codes = np.arange(400) % 2
    subject = categories("tenant", "input", codes, ["a", "b"], np.arange(400.0), 0.1)
    service = np.where(codes, 3e6, 1e6)
    assert course_of(subject, service).of(np.array([0.0, 1.0])).tolist() == [1e6, 3e6]
    assert explained(subject, service) == pytest.approx(1)


def test_what_does_not_vary_explains_nothing():
    assert explained(attribute(np.ones(50)), np.arange(50.0)) == 0
    assert explained(attribute(np.arange(50.0)), np.ones(50)) == 0
    assert explained(attribute([np.nan] * 5 + [1.0] * 45), np.arange(50.0)) == 0
