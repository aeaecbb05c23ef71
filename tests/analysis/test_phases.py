from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.phases import phases
from latprof.errors import UsageError
from latprof.run.vocabulary import PHASES

N = 1500
I = np.arange(N)  # noqa: E741 - the index of a request, as in the formulas

SERIES = {
    "flat": (np.ones(N), 0.0, "flat"),
    "flat with AR(1) of 0.8": (np.ones(N), 0.8, "flat"),
    "first 3 requests x10": (np.where(I < 3, 10.0, 1.0), 0.0, "flat"),
    "1 + 2 exp(-i/50)": (1 + 2 * np.exp(-I / 50), 0.0, "warm-up"),
    "3x until 100": (np.where(I < 100, 3.0, 1.0), 0.0, "warm-up"),
    "1.3x until 500": (np.where(I < 500, 1.3, 1.0), 0.0, "warm-up"),
    "1.3x from 900": (np.where(I < 900, 1.0, 1.3), 0.0, "slowdown"),
    "+30 % in a line": (1 + 0.3 * I / N, 0.0, "trend"),
    "1 and 1.3 every 200": (np.where(I // 200 % 2, 1.3, 1.0), 0.0, "no steady state"),
    "1.5x until 1200": (np.where(I < 1200, 1.5, 1.0), 0.0, "no steady state"),
}
STARTS = {
    "flat": (0, 0),
    "flat with AR(1) of 0.8": (0, 0),
    "first 3 requests x10": (3, 3),
    "1 + 2 exp(-i/50)": (120, 240),
    "3x until 100": (100, 100),
    "1.3x until 500": (500, 500),
}


def series(shape, correlation=0.0, seed=0):
    """Services of 1 ms times `shape`, 10 % of noise, 1 % of spikes of 2 to 5 times."""
    rng = np.random.default_rng(seed)
    n = len(shape)
    noise = rng.standard_normal(n)
    for i in range(1, n if correlation else 0):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    values = shape * np.exp(0.1 * noise)
    spikes = rng.random(n) < 0.01
    values[spikes] *= rng.uniform(2, 5, spikes.sum())
    return (1e6 * values).astype(np.int64)


def words(result):
    return [PHASES[code] for code in result.codes]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", SERIES)
def test_tells_the_ten_series_apart(name, seed):
    shape, correlation, expected = SERIES[name]
    found = phases(series(shape, correlation, seed))
    assert found.steady_class == expected
    low, high = STARTS.get(name, (0, 0))
    # A spike of 2 to 5 times may be the first request: then it is cold.
    assert low <= found.start <= high or (low == 0 and found.start == 1)


@pytest.mark.parametrize("name", ["flat", "1 + 2 exp(-i/50)", "1.3x from 900", "+30 % in a line"])
def test_holds_in_nine_of_ten_draws(name):
    shape, correlation, expected = SERIES[name]
    hits = [phases(series(shape, correlation, s)).steady_class == expected for s in range(100, 130)]
    assert np.mean(hits) >= 0.9


def test_a_warm_up_after_a_cold_start_gets_both_phases():
    shape = np.where(I < 300, 2.0, 1.0)
    shape[:3] = 40
    found = phases(series(shape))
    assert words(found) == ["cold"] * 3 + ["warmup"] * 297 + ["steady"] * 1200
    assert (found.steady_class, found.start, found.change) == ("warm-up", 300, 300)
    assert found.evidence.startswith("3 cold; 1.99 ms from request 0; 1.00 ms")


def test_a_slowdown_keeps_all_requests_and_says_where():
    found = phases(series(SERIES["1.3x from 900"][0]))
    assert set(words(found)) == {"steady"}
    assert found.change == 900
    assert "from request 900" in found.evidence


def test_a_dip_that_recovers_near_the_end_is_no_steady_state():
    found = phases(series(np.where((I > 500) & (I < 1300), 0.7, 1.0)))
    assert found.steady_class == "no steady state"


@pytest.mark.parametrize("n", [10, 39])
def test_short_runs_only_lose_their_cold_requests(n):
    shape = np.ones(n)
    shape[:2] = 20
    found = phases(series(shape))
    assert found.steady_class == "too short"
    assert words(found) == ["cold"] * 2 + ["steady"] * (n - 2)


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_tiny_runs_are_steady(n):
    found = phases(np.arange(n, 0, -1) * 1000)
    assert words(found) == ["steady"] * n


@pytest.mark.parametrize("n", [40, 60, 437, 1501])
def test_a_warm_up_of_a_fifth_is_found_at_any_length(n):
    found = phases(series(np.where(np.arange(n) < n // 5, 2.0, 1.0)))
    assert found.steady_class == "warm-up"
    block = max(5, -(-n // 75))
    assert n // 5 - block <= found.start <= n // 5 + block


@pytest.mark.parametrize("n", [100, 400, 1500])
def test_a_service_that_misses_a_cache_now_and_then_is_flat(n):
    """A fifth of the requests take five times as long, in no order: no change, and no cold start.

    Block medians flip between the two now and then; 30 draws, at most 3 false alarms of each kind.
    """
    alarms = cold = 0
    for seed in range(30):
        misses = np.random.default_rng(seed).random(n) < 0.2
        found = phases(series(np.where(misses, 5.0, 1.0), seed=seed))
        alarms += found.steady_class != "flat"
        cold += found.codes[0] == PHASES.index("cold")
    assert alarms <= 3
    assert cold <= 3


@pytest.mark.parametrize("n", [100, 200, 400])
def test_noise_that_lasts_some_requests_is_flat(n):
    """AR(1) of 0.8; 30 draws, at most 5 false alarms."""
    found = [phases(series(np.ones(n), 0.8, seed)).steady_class for seed in range(30)]
    assert sum(each != "flat" for each in found) <= 5


def test_a_cold_start_shows_among_cache_misses():
    shape = np.where(np.random.default_rng(0).random(N) < 0.2, 5.0, 1.0)
    shape[:2] = [80, 5]
    found = phases(series(shape))
    assert words(found)[:2] == ["cold", "steady"]


def test_a_marked_warm_up_is_taken_as_given():
    found = phases(series(np.where(I < 300, 2.0, 1.0)), warmup=400)
    assert words(found) == ["warmup"] * 400 + ["steady"] * 1100
    assert (found.steady_class, found.start) == ("flat", 400)


def test_a_marked_warm_up_that_is_too_short_shows_in_the_class():
    found = phases(series(np.where(I < 300, 2.0, 1.0)), warmup=100)
    assert words(found) == ["warmup"] * 100 + ["steady"] * 1400
    assert (found.steady_class, found.start) == ("warm-up", 100)
    assert abs(found.change - 300) <= 20  # a block


def test_without_warm_up_nothing_is_marked():
    shape = np.ones(N)
    shape[:3] = 10
    assert set(words(phases(series(shape), warmup=0))) == {"steady"}


def test_a_marked_warm_up_longer_than_the_run_covers_it():
    found = phases(np.full(10, 1000), warmup=50)
    assert words(found) == ["warmup"] * 10
    assert (found.steady_class, found.start) == ("too short", 10)


@pytest.mark.parametrize("warmup", [-1, 1.5, True, "none", None])
def test_refuses_what_is_no_warm_up(warmup):
    with pytest.raises(UsageError, match="warmup"):
        phases(np.full(10, 1000), warmup)


def test_a_first_request_that_is_hardly_slower_is_not_cold():
    services = np.full(200, 1_000_000)
    services[0] = 1_010_000
    assert set(words(phases(services))) == {"steady"}


def test_services_of_no_length_do_no_harm():
    found = phases(np.zeros(500, dtype=np.int64))
    assert (found.steady_class, set(words(found))) == ("flat", {"steady"})


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**62), max_size=200),
    st.one_of(st.just("auto"), st.integers(0, 250)),
)
def test_phases_always_come_in_order(services, warmup):
    found = phases(np.array(services, dtype=np.int64), warmup)
    assert found.codes.size == len(services)
    assert (np.diff(found.codes) >= 0).all()
    assert (found.codes == PHASES.index("steady")).sum() == len(services) - found.start
    assert 0 <= found.change <= max(0, len(services))


@pytest.mark.parametrize("n", [60, 150])
def test_a_cold_start_of_a_short_run_is_no_warm_up(n):
    """The block it falls into stands out, but a level takes two."""
    shape = np.ones(n)
    shape[:3] = 10
    found = phases(series(shape))
    assert (found.steady_class, found.start) == ("flat", 3)
    assert words(found)[:4] == ["cold"] * 3 + ["steady"]


@pytest.mark.parametrize(("n", "rise"), [(150, 0.3), (400, 0.3), (400, -0.23), (1500, 1.0)])
def test_a_leak_is_a_trend_however_few_steps_its_staircase_has(n, rise):
    """20 draws, at most 3 misses: with two levels the line must only fit better than they do."""
    shape = 1 + rise * np.arange(n) / n
    found = [phases(series(shape, seed=seed)).steady_class for seed in range(20)]
    assert found.count("trend") >= 17


def test_a_quiet_leak_is_a_line_in_the_times_though_a_curve_in_their_logs():
    times = (1 + np.arange(N) / N) * np.exp(0.03 * np.random.default_rng(3).standard_normal(N))
    assert phases((1e6 * times).astype(np.int64)).steady_class == "trend"
