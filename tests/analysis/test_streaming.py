from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.effective import effective_groups
from latprof.analysis.quantiles import quantiles
from latprof.analysis.streaming import COLUMNS, streaming

METRICS = [
    "ttft_from_schedule",
    "ttft_from_start",
    "tpot_excl_first",
    "chunk_gap",
    "e2e_from_schedule",
    "e2e_from_start",
]
STREAMS = st.lists(st.lists(st.integers(1, 10**9), max_size=6), min_size=1, max_size=12)
QUEUE_NS, TAIL_NS = 70, 30


def streamed(streams, **columns):
    """Requests and spans of streams, each given by the lengths of its steps that yielded."""
    requests, spans, now = [], [], 1_000
    for index, steps in enumerate(streams):
        at = start = now + QUEUE_NS
        for number, length in enumerate([*steps, TAIL_NS]):
            stage = "next_item" if number else "first_item"
            where = {"request_id": index, "start_ns": at, "end_ns": at + length}
            spans.append({"stage": stage, **where})
            spans.append({"stage": "decode", **where})
            at += length
        times = {"intended_ns": now, "started_ns": start, "finished_ns": at}
        requests.append({**times, **columns})
        now = at
    return requests, spans


@settings(deadline=None)
@given(STREAMS, st.randoms(use_true_random=False))
def test_every_metric_is_its_formula(table_run, streams, random):
    requests, spans = streamed(streams)
    random.shuffle(spans)
    table = streaming(table_run(requests, spans))
    assert table.index.tolist() == METRICS
    assert table.attrs["items"] == sum(map(len, streams))
    told = [steps for steps in streams if steps]
    several = [steps[1:] for steps in streams if len(steps) > 1]
    whole = [sum(steps) + TAIL_NS for steps in streams]
    expected = {
        "ttft_from_schedule": [steps[0] + QUEUE_NS for steps in told],
        "ttft_from_start": [steps[0] for steps in told],
        "tpot_excl_first": [round(sum(gaps) / len(gaps)) for gaps in several],
        "chunk_gap": [gap for gaps in several for gap in gaps],
        "e2e_from_schedule": [each + QUEUE_NS for each in whole],
        "e2e_from_start": whole,
    }
    for name, values in expected.items():
        row = table.loc[name]
        assert row["count"] == len(values)
        assert row["requests"] == (len(several) if name == "chunk_gap" else len(values))
        if values:
            assert (row["mean"], row["max"]) == pytest.approx((np.mean(values), max(values)))


def test_only_steady_answered_requests_count(table_run):
    requests, spans = streamed([[5, 5, 5]] * 4)
    requests[1]["status"], requests[2]["phase"] = "error", "cold"
    table = streaming(table_run(requests, spans))
    assert table["requests"].tolist() == [2] * 6
    assert table.attrs["items"] == 6


def test_a_run_whose_target_does_not_yield_has_none(table_run, served):
    table = streaming(table_run(served([100] * 5)))
    assert table.empty
    assert table.columns.tolist() == list(COLUMNS)
    assert table.attrs == {"unit": "ns", "items": 0}


def test_the_gaps_of_one_request_say_nothing_of_others(table_run):
    table = streaming(table_run(*streamed([range(1, 2_000)])))
    assert table.loc["chunk_gap", "count"] == 1_998
    assert np.isnan(table.loc["chunk_gap", "p50"])
    assert table.loc["chunk_gap", "max"] == 1_999


def test_intervals_of_gaps_hold_the_truth_where_each_request_has_a_pace_of_its_own():
    rng = np.random.default_rng(5)
    sizes = np.full(60, 50)

    def gaps(requests):
        pace = rng.lognormal(0, 0.5, requests)
        return (1e6 * np.repeat(pace, 50) * rng.lognormal(0, 0.2, requests * 50)).astype(np.int64)

    truth = np.median(gaps(40_000))
    found = [quantiles(gaps(60), (0.5,), sizes=sizes)[0] for _ in range(200)]
    covered = np.mean([each.low_ns <= truth <= each.high_ns for each in found])
    # 95 % nominal; the standard error of 200 draws is 1.5 %.
    assert 0.91 <= covered <= 0.995
    assert np.median([each.n_effective for each in found]) < 150


def test_independent_gaps_in_groups_are_worth_nearly_their_number():
    rng = np.random.default_rng(6)
    sizes = rng.integers(1, 40, 200)
    worth = [
        effective_groups(rng.random(sizes.sum()) > 0.9, 0.9, sizes) / sizes.sum() for _ in range(50)
    ]
    assert np.median(worth) > 0.85


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_groups_are_worth_between_one_and_all_values(sizes, random):
    exceeds = np.array([random.random() > 0.7 for _ in range(sum(sizes))])
    worth = effective_groups(exceeds, 0.7, np.array(sizes))
    assert 1 <= worth <= exceeds.size
