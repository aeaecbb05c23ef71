from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.effective import effective_size


def test_independent_exceedances_are_worth_their_number():
    rng = np.random.default_rng(1)
    sizes = [effective_size(rng.random(4000) > 0.9, 0.9) for _ in range(50)]
    # The inflation passes 1.3 by chance in about a third of the series.
    assert np.median(sizes) == 4000
    assert min(sizes) > 4000 / 4


def test_follows_the_definition_step_by_step():
    rng = np.random.default_rng(2)
    exceeds = np.repeat(rng.random(200) > 0.8, 10)  # spells of ten
    inflations = []
    for count in (8, 16, 32):
        size = 2000 // count
        means = [exceeds[i * size : (i + 1) * size].mean() for i in range(count)]
        inflations.append(size * np.var(means, ddof=1) / (0.8 * 0.2))
    widened = max(inflations) * (2.0395134 / 1.9599640) ** 2
    assert effective_size(exceeds, 0.8) == pytest.approx(2000 / widened)


def test_spells_of_ten_are_worth_about_a_tenth():
    rng = np.random.default_rng(3)
    sizes = [effective_size(np.repeat(rng.random(400) > 0.9, 10), 0.9) for _ in range(50)]
    # The largest of three noisy inflations, widened, lies above 10 but not far.
    assert 150 < np.median(sizes) < 400


def test_one_spell_of_all_exceedances_is_worth_next_to_nothing():
    assert effective_size(np.arange(1000) >= 900, 0.9) < 10


@pytest.mark.parametrize("n", [0, 1, 2, 23])
def test_too_few_values_count_as_independent(n):
    assert effective_size(np.arange(n) >= n // 2, 0.5) == n


def test_constant_series_keeps_its_size():
    assert effective_size(np.zeros(500, dtype=bool), 0.99) == 500
