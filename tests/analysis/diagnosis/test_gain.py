from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.diagnosis.gain import gain_of

latencies = st.lists(st.floats(1, 1e9), min_size=1, max_size=200).map(np.array)


@given(latencies, st.floats(0, 1), st.sampled_from([0.5, 0.99]))
def test_a_gain_is_the_difference_of_two_quantiles(before, share, q):
    gain = gain_of(before, before * (1 - share), q)
    assert gain.before_ns == np.quantile(before, q, method="inverted_cdf")
    assert gain.share == pytest.approx(share, abs=1e-9)
    assert gain.ns == pytest.approx(gain.before_ns - gain.after_ns)


def test_few_requests_have_no_interval():
    gain = gain_of(np.ones(3), np.ones(3), 0.5)
    assert math.isnan(gain.low_ns)


@pytest.mark.parametrize("q", [0.5, 0.99])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(q):
    rng = np.random.default_rng(1)
    truth = 1e6 * np.exp(0.5 * {0.5: 0.0, 0.99: 2.3263}[q])
    held = 0
    for _ in range(200):
        sample = 1e6 * rng.lognormal(0, 0.5, 4_000)
        gain = gain_of(sample, sample, q)
        held += gain.low_ns <= truth <= gain.high_ns
    assert 176 <= held <= 200  # nominal 190


def test_nothing_to_gain_from_nothing():
    assert gain_of(np.zeros(3), np.zeros(3), 0.5).share == 0
