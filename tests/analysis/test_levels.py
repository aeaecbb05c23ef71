from __future__ import annotations

import itertools

import numpy as np
import pytest

from latprof.analysis.levels import find_levels, partition


def cost(blocks, edges):
    penalty = 6 * np.log(len(blocks))
    return sum(
        ((blocks[a:b] - blocks[a:b].mean()) ** 2).sum() + penalty
        for a, b in itertools.pairwise(edges)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_partition_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    blocks = np.repeat(rng.normal(0, 6, 4), 3) + rng.standard_normal(12)
    best = min(
        (
            (0, *cuts, 12)
            for count in range(6)
            for cuts in itertools.combinations(range(2, 11), count)
            if all(b - a >= 2 for a, b in itertools.pairwise((0, *cuts, 12)))
        ),
        key=lambda edges: cost(blocks, edges),
    )
    assert partition(blocks) == best


def test_blocks_are_aligned_to_the_end():
    values = np.full(163, 1000)
    values[-40:] = 2000
    levels = find_levels(values)  # blocks of 5, three values left over in front
    assert levels.first_values[:3].tolist() == [0, 8, 13]
    assert levels.first_value(1) == 123
    np.testing.assert_allclose(np.exp(levels.heights), [1000, 2000])
    np.testing.assert_allclose(levels.residuals, 0, atol=1e-9)


@pytest.mark.parametrize("n", range(40, 1000, 37))
def test_no_more_blocks_than_75_and_none_left_over(n):
    levels = find_levels(np.full(n, 1000))
    sizes = np.diff([*levels.first_values, n])
    assert len(sizes) <= 75
    assert sizes[1:].min() == sizes[1:].max() >= 5
    assert sizes[0] < 2 * sizes[1]


def test_a_series_that_is_too_short_has_none():
    assert find_levels(np.full(39, 1000)) is None


def test_a_constant_series_is_one_level():
    levels = find_levels(np.full(500, 1000))
    assert levels.edges == (0, levels.blocks.size)
