from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.share import share_interval


def test_the_rule_of_three():
    assert share_interval(0.0, 1_000, 0.9)[1] == pytest.approx(3 / 1_000, rel=0.01)
    assert share_interval(1.0, 1_000, 0.9) == (pytest.approx(1 - 3 / 1_000, rel=1e-3), 1.0)


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5])
def test_it_covers_as_often_as_it_says(share):
    rng = np.random.default_rng(0)
    found = rng.binomial(2_000, share, 4_000) / 2_000
    ends = [share_interval(each, 2_000, 0.95) for each in found]
    assert np.mean([low <= share <= high for low, high in ends]) >= 0.94
