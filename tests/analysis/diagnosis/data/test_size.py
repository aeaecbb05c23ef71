from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.diagnosis.data.size import follows, power, size_of


@given(st.floats(0, 2), st.integers(0, 100))
def test_the_power_of_a_time_is_found_under_noise(exponent, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.lognormal(5, 1, 2_000)
    times = sizes**exponent * rng.lognormal(0, 0.1, 2_000)
    assert power(times, sizes) == pytest.approx(exponent, abs=0.1)


def test_a_time_that_is_no_matter_of_size_has_no_power():
    assert power(np.ones(50), np.arange(1.0, 51)) == 0
    assert power(np.ones(50), np.ones(50)) == 0
    assert power(np.zeros(5), np.ones(5)) == 0


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50, unique=True))
def test_ranks_that_agree_follow_each_other(values):
    times = np.array(values, float)
    assert follows(times, times**3) == pytest.approx(1)
    assert follows(times, -times) == pytest.approx(-1)
    assert follows(times, np.ones(times.size)) == 0


def test_tokens_tell_the_size_before_characters_do(case):
    sizes = {"tokens": [1, 2], "input_size": [10, 20]}
    assert size_of(case({"f": np.ones(2)}, attributes=sizes)).values.tolist() == [1, 2]
    holes = {"tokens": [1, None], "input_size": [10, 20]}
    assert size_of(case({"f": np.ones(2)}, attributes=holes)).name == "input_size"
    assert size_of(case({"f": np.ones(2)})) is None
