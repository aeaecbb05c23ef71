"""What a load says about an SLO."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.analysis.capacity import error_reading, expected_rate, fewest, latency_reading, read
from latprof.load.capacity.slo import parse
from latprof.load.capacity.trial import Outcome

MS = 1_000_000


def latencies(n, scale_ms=10.0, seed=0):
    drawn = np.random.default_rng(seed).exponential(scale_ms * MS, n)
    return drawn.astype(np.int64)


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [("60ms", Outcome.PASS), ("46ms", Outcome.UNDECIDED), ("40ms", Outcome.FAIL)],
)
def test_a_quantile_passes_only_where_its_whole_interval_does(limit, outcome):
    """The p99 of an exponential law of mean 10 ms is 46.05 ms."""
    (term,) = parse(f"p99 < {limit}")
    reading = latency_reading(latencies(20_000), term, 0.95)
    assert reading.outcome is outcome
    assert reading.low < 46.05 * MS < reading.high


def test_what_the_sample_cannot_carry_is_undecided():
    (term,) = parse("p99 < 1s")
    reading = latency_reading(latencies(200), term, 0.95)
    assert reading.outcome is Outcome.UNDECIDED
    assert reading.value is None
    assert reading.share == 0


def test_too_few_for_a_quantile_can_still_break_its_limit():
    """Of 300 requests no p99 can be told; that it is above 1 ms, where all of them are, can."""
    (term,) = parse("p99 < 1ms")
    reading = latency_reading(latencies(300) + MS, term, 0.95)
    assert reading.value is None
    assert reading.outcome is Outcome.FAIL
    assert reading.told == "100.0 % of requests are beyond 1.00 ms"


def test_a_request_without_an_answer_is_endless(table_run, served):
    rows = served([MS] * 990) + served([MS] * 30, status="error")
    (reading,) = read(table_run(rows), parse("p99 < 1s"), 0.95)
    assert reading.value == np.inf
    assert reading.share == pytest.approx(30 / 1_020)


def test_errors_are_judged_by_the_interval_of_their_share():
    (term,) = parse("errors < 1%")
    rng = np.random.default_rng(0)
    for share, outcome in ((0.0, Outcome.PASS), (0.01, Outcome.UNDECIDED), (0.05, Outcome.FAIL)):
        assert error_reading(rng.random(3_000) < share, term, 0.95).outcome is outcome
    assert error_reading(np.empty(0, bool), term, 0.95).outcome is Outcome.UNDECIDED


def test_the_shortest_trial_can_decide_each_term():
    assert fewest(parse("p50 < 1s"), 0.95) == 1_000
    assert fewest(parse("p99 < 1s"), 0.95) == 2_000
    assert fewest(parse("p99.9 < 1s"), 0.95) == 20_000
    (term,) = parse("errors < 0.1%")
    n = fewest([term], 0.95)
    assert error_reading(np.zeros(n, bool), term, 0.95).outcome is Outcome.PASS


def test_without_a_limit_of_workers_the_guess_is_the_rate_of_one():
    assert expected_rate(np.full(10, 10 * MS), parse("p99 < 1s"), None, 0) == pytest.approx(100)
    assert expected_rate(np.zeros(3, np.int64), parse("p99 < 1s"), 1, 0) > 1e6
