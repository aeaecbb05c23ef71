from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.report.course import COLUMNS, PER_COLUMN, thinned


@given(st.integers(1, COLUMNS * PER_COLUMN))
def test_few_points_are_all_kept(count):
    x = np.arange(count, dtype=float)
    assert thinned(x, x).tolist() == list(range(count))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(5_000, 30_000))
def test_many_points_keep_the_extremes_of_every_column(seed, count):
    random = np.random.default_rng(seed)
    x, y = np.sort(random.random(count)), random.lognormal(0, 2, count)
    kept = thinned(x, y)
    assert kept.size == np.unique(kept).size <= COLUMNS * PER_COLUMN
    column = ((x - x[0]) / (x[-1] - x[0]) * (COLUMNS - 1)).astype(int)
    for reduce in ("min", "max"):
        wanted = pd.Series(y).groupby(column).agg(reduce)
        shown = pd.Series(y[kept]).groupby(column[kept]).agg(reduce)
        assert shown.equals(wanted)


def test_points_at_one_instant_are_thinned_too():
    kept = thinned(np.zeros(10_000), np.arange(10_000.0))
    assert kept.size == PER_COLUMN


def legend_of(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_failures_and_warm_up_are_told_apart(failing):
    words = legend_of(failing.plot("timeline"))
    assert {"request", "cold or warm-up", "error (5)", "timeout (1)"} <= set(words)


def test_running_percentiles_need_enough_requests(slow, single, record):
    assert legend_of(slow.plot("timeline")) == [
        "request",
        "median of every 33",
        "p99 of every 100",
    ]
    assert legend_of(record(requests=100).plot("timeline"))[-1] == "median of every 20"
    assert legend_of(single.plot("timeline")) == ["request"]


def test_a_wide_spread_gets_a_logarithmic_axis(slow, record):
    assert slow.plot("timeline").axes[0].get_yscale() == "linear"
    wild = record(requests=300, cold_ms=60_000, utilisation=0.01)
    axes = wild.plot("timeline").axes[0]
    assert axes.get_yscale() == "log"
    assert "log scale" in axes.get_ylabel()
