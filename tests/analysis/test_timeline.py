from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.timeline import COLUMNS, mean_inside, timeline
from latprof.errors import UsageError

S = 1_000_000_000


def at(second, lasting=0.1, **columns):
    start = 7 * S + round(second * S)
    return {"started_ns": start, "finished_ns": start + round(lasting * S), **columns}


def test_bins_by_intended_instant(table_run):
    requests = [
        at(0),
        at(0.9),
        at(1.0),
        at(2.5, status="error"),
        at(2.6, intended_ns=7 * S + round(2.4 * S)),
    ]
    table = timeline(table_run(requests), "1s")
    assert tuple(table.columns) == COLUMNS
    assert table["time_s"].tolist() == [0, 1, 2]
    assert table["requests"].tolist() == [2, 1, 2]
    assert table["rate"].tolist() == [2, 1, 2]
    assert table["errors"].tolist() == [0, 0, 1]
    assert table["max"].tolist() == pytest.approx([0.1 * S, 0.1 * S, 0.3 * S])
    assert table.attrs["unit"] == "ns"


def test_bins_without_requests_stay_in_the_table(table_run):
    table = timeline(table_run([at(0), at(3)]), "500ms")
    assert table["requests"].tolist() == [1, 0, 0, 0, 0, 0, 1]
    assert table["p50"].isna().all()
    assert table["max"].notna().sum() == 2


def test_percentiles_only_where_the_bin_carries_them(table_run):
    requests = [at(i / 100, lasting=0.001 * (1 + i % 7)) for i in range(60)]
    row = timeline(table_run(requests), 1).iloc[0]
    assert row["p50"] == pytest.approx(0.004 * S)
    assert row["p90"] == pytest.approx(0.007 * S)
    assert np.isnan(row["p99"])


def test_requests_in_flight_include_those_that_wait(table_run):
    requests = [at(0, lasting=2), at(0.75, lasting=0.25, intended_ns=7 * S + S // 2)]
    table = timeline(table_run(requests), "1s")
    assert table["in_flight"].tolist()[:2] == pytest.approx([1.5, 1.0])


def test_all_phases_are_shown(table_run):
    requests = [at(0, phase="cold"), at(0.1, phase="warmup"), at(0.2)]
    assert timeline(table_run(requests))["requests"].tolist() == [3]


def test_a_run_without_requests_has_an_empty_timeline(table_run):
    assert tuple(timeline(table_run()).columns) == COLUMNS
    assert timeline(table_run()).empty


@pytest.mark.parametrize("every", ["a while", "", "0s", "-1s", 0, -1, float("nan"), None, "nat"])
def test_refuses_what_is_no_length_of_time(table_run, every):
    with pytest.raises(UsageError, match="every"):
        timeline(table_run([at(0)]), every)


def test_refuses_to_fill_the_memory_with_bins(table_run):
    with pytest.raises(UsageError, match="longer"):
        timeline(table_run([at(0), at(60)]), "1ns")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=10),
    st.integers(1, 7),
)
def test_mean_inside_agrees_with_counting_every_instant(visits, width):
    visits = np.array([sorted(visit) for visit in visits], dtype=np.int64).reshape(-1, 2)
    edges = width * np.arange(43 // width + 2)
    inside = [((visits[:, 0] <= t) & (t < visits[:, 1])).sum() for t in range(edges[-1])]
    expected = np.reshape(inside, (-1, width)).mean(axis=1)
    np.testing.assert_allclose(mean_inside(visits[:, 0], visits[:, 1], edges), expected)


def test_instants_late_on_the_clock_lose_nothing():
    """A monotonic clock after three years, a billion requests' worth of sums."""
    entered = 10**17 + 1000 * np.arange(100_000)
    inside = mean_inside(entered, entered + 500, 10**17 + 10_000_000 * np.arange(11))
    np.testing.assert_allclose(inside, 0.5, rtol=1e-6)
