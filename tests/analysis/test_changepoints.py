"""Levels of series whose truth is known: drawn noise around levels that the test chose."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.changepoints import FEWEST, find_steps

NOISE = 0.0088


def series(rng, heights, scatter=0.02):
    return np.exp(np.log(heights) + rng.normal(0, scatter, len(heights)))


@pytest.mark.parametrize(("runs", "scatter"), [(8, 0.01), (12, 0.02), (20, 0.03), (60, 0.03)])
def test_one_level_is_seldom_taken_for_two(runs, scatter):
    rng = np.random.default_rng(runs)
    told = [find_steps(series(rng, [10.0] * runs, scatter), NOISE).jumps for _ in range(200)]
    assert sum(map(bool, told)) <= 10


@pytest.mark.parametrize("rise", [1.2, 1 / 1.2])
def test_a_change_is_found_where_it_is(rise):
    rng = np.random.default_rng(0)
    heights = [10.0] * 20 + [10.0 * rise] * 10
    found = [find_steps(series(rng, heights), NOISE) for _ in range(100)]
    assert sum([each.at for each in steps.jumps] == [20] for steps in found) >= 95
    held = [steps.jumps[0].low <= rise <= steps.jumps[0].high for steps in found if steps.jumps]
    assert sum(held) >= 0.9 * len(held)


def test_two_changes_are_told_apart():
    heights = [10.0] * 10 + [13.0] * 10 + [9.0] * 10
    steps = find_steps(series(np.random.default_rng(1), heights), NOISE)
    assert steps.edges == (0, 10, 20, 30)
    assert steps.levels == pytest.approx((10, 13, 9), rel=0.02)


def test_the_latest_run_alone_is_no_level():
    heights = np.array([10.0] * 12)
    assert not find_steps(np.append(heights, 15.0), NOISE).jumps
    assert [each.at for each in find_steps(np.append(heights, [15.0, 15.0]), NOISE).jumps] == [12]


@pytest.mark.parametrize("at", [0, 1, 6, 11])
def test_one_run_in_a_mood_is_no_level_and_hides_none(at):
    heights = np.array([10.0] * 12)
    heights[at] = 15.0
    assert not find_steps(heights, NOISE).jumps
    longer = np.concatenate((heights, [10.0] * 2, [12.0] * 4))
    assert [each.at for each in find_steps(longer, NOISE).jumps] == [14]


def test_noise_that_is_known_keeps_equal_runs_from_being_a_staircase():
    values = np.array([10.0] * 6 + [10.1] * 6)
    assert not find_steps(values, NOISE).jumps
    assert find_steps(values, 1e-4).jumps


def test_too_few_runs_have_no_levels():
    assert find_steps(np.full(FEWEST - 1, 10.0), NOISE) is None
    assert find_steps(np.full(FEWEST, 10.0), NOISE).edges == (0, FEWEST)
