"""The tail taken apart: it adds up, and it blames what a queue of known cause waits for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis.tail import COLUMNS, tail
from latprof.errors import UsageError

MS = 1_000_000


def queue_of_one(parts_ms, arrivals_ms):
    """Rows of requests and spans behind one worker, stages one after the other.

    Args:
        parts_ms: By stage, one a request.
        arrivals_ms: Intended instants.
    """
    service = sum(parts_ms.values())
    starts = np.empty(service.size)
    free = 0.0
    for i, arrival in enumerate(arrivals_ms):
        starts[i] = max(arrival, free)
        free = starts[i] + service[i]
    requests, spans = [], []
    for i in range(service.size):
        at = round(starts[i] * MS)
        begin = at
        for stage, values in parts_ms.items():
            end = at + round(values[i] * MS)
            spans.append({"request_id": i, "stage": stage, "start_ns": at, "end_ns": end})
            at = end
        requests.append(
            {"intended_ns": round(arrivals_ms[i] * MS), "started_ns": begin, "finished_ns": at}
        )
    return requests, spans


@pytest.fixture(scope="module")
def loaded(table_run):
    """Utilisation 0.7: 1 ms, then about 6 ms, then 0.5 ms of which one in fifty takes 40 ms."""
    rng = np.random.default_rng(3)
    n = 20_000
    parts = {
        "pre": np.full(n, 1.0),
        "model": rng.gamma(9, 6 / 9, n),
        "post": np.where(rng.random(n) < 0.02, 40.0, 0.5),
    }
    mean = sum(part.mean() for part in parts.values())
    arrivals = np.cumsum(rng.exponential(mean / 0.7, n))
    return table_run(*queue_of_one(parts, arrivals))


def test_every_column_adds_up_to_the_total(loaded):
    table = tail(loaded)
    parts, total = table.drop("total"), table.loc["total"]
    assert list(table.columns) == list(COLUMNS)
    for column in ("typical", "tail", "excess", "blame"):
        assert parts[column].sum() == pytest.approx(total[column], abs=50)
    for column in ("excess_share", "variance_share", "blame_share"):
        assert parts[column].sum() == pytest.approx(1, abs=1e-6)
        assert total[column] == pytest.approx(1)


def test_a_queue_is_blamed_on_what_it_waits_for(loaded):
    """A stage 20 % faster gives 10, 52 and 38 % of the gain: replayed, METHODS of the project."""
    table = tail(loaded)
    assert table["excess_share"]["queue"] > 0.9
    assert abs(table["blame_share"]["queue"]) < 0.01
    truth = {"pre": 0.10, "model": 0.52, "post": 0.38}
    for stage, share in truth.items():
        assert table["blame_share"][stage] == pytest.approx(share, abs=0.1)


def test_without_a_queue_the_excess_is_that_of_the_stage(table_run):
    rng = np.random.default_rng(5)
    n = 3_000
    parts = {
        "steady": rng.normal(5, 0.1, n).clip(4),
        "rare": np.where(rng.random(n) < 0.05, 50.0, 1.0),
    }
    requests, spans = queue_of_one(parts, 1_000.0 * np.arange(n))
    table = tail(table_run(requests, spans), 0.97)
    assert table["excess_share"]["rare"] > 0.95
    assert table["variance_share"]["rare"] > 0.95
    assert table["blame"]["rare"] == table["excess"]["rare"]
    assert table["excess_lo"]["rare"] <= 49 * MS <= table["excess_hi"]["rare"]
    assert abs(table.attrs["band_residual"]) < 2 * MS


def test_intervals_hold_the_truth(table_run):
    """Both groups lie amid one kind of request each, so the means of what they share are known."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 800
        parts = {
            "noise": rng.exponential(3, n),
            "rare": np.where(rng.random(n) < 0.3, 20.0, 1.0) * rng.uniform(0.9, 1.1, n),
        }
        requests, spans = queue_of_one(parts, 1_000.0 * np.arange(n))
        table = tail(table_run(requests, spans), 0.9)
        held += table["excess_lo"]["noise"] <= EXPECTED_NOISE_NS <= table["excess_hi"]["noise"]
    assert held >= 34


def _expected_noise_ns():
    rng = np.random.default_rng(99)
    n = 2_000_000
    noise = rng.exponential(3, n)
    latency = noise + np.where(rng.random(n) < 0.3, 20.0, 1.0) * rng.uniform(0.9, 1.1, n)
    order = np.argsort(latency)
    typical, slow = (order[round(a * n) : round(b * n)] for a, b in ((0.45, 0.55), (0.85, 0.95)))
    return (noise[slow].mean() - noise[typical].mean()) * MS


EXPECTED_NOISE_NS = _expected_noise_ns()


def test_few_requests_are_taken_apart_with_a_warning(table_run, served):
    table = tail(table_run(served([5, 6, 7, 90])))
    assert not table.attrs["reliable"]
    assert "4 requests" in table.attrs["reason"]
    assert table["tail"]["total"] == 90
    assert np.isnan(table["excess_lo"]["total"])


def test_one_request_and_none(table_run, served):
    assert tail(table_run(served([7])))["excess"]["total"] == 0
    empty = tail(table_run())
    assert empty.empty
    assert list(empty.columns) == list(COLUMNS)
    assert tail(table_run(served([5] * 20, status="error"))).empty


def test_only_steady_answers_count_but_all_kept_others_waiting(table_run):
    rows = [
        {"intended_ns": 0, "started_ns": 0, "finished_ns": 100, "phase": "cold"},
        {"intended_ns": 10, "started_ns": 100, "finished_ns": 110},
    ]
    spans = [{"request_id": 0, "stage": "load", "start_ns": 0, "end_ns": 100}]
    table = tail(table_run(rows, spans), 0.9)
    assert table["typical"]["total"] == 100
    assert "load" in table.index


def test_workers_share_the_blame(table_run):
    """Both workers are busy for 100 while a third request waits: each was half of its wait."""
    rows = [
        {"intended_ns": 0, "started_ns": 0, "finished_ns": 100, "worker": 0},
        {"intended_ns": 0, "started_ns": 0, "finished_ns": 100, "worker": 1},
        {"intended_ns": 0, "started_ns": 100, "finished_ns": 101, "worker": 0},
    ]
    spans = [
        {"request_id": 0, "stage": "a", "start_ns": 0, "end_ns": 100},
        {"request_id": 1, "stage": "b", "start_ns": 0, "end_ns": 100},
    ]
    table = tail(table_run(rows, spans), 0.9)
    slow = table.loc[["a", "b"], "blame"] + [50, 0]  # the typical request spends 100 in b
    assert slow.sum() == pytest.approx(50, abs=1)


@pytest.mark.parametrize("q", [0, 0.5, 1, 1.5, float("nan")])
def test_what_is_no_tail_is_refused(q, table_run, served):
    with pytest.raises(UsageError, match="the tail lies between"):
        tail(table_run(served([1, 2])), q)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(0, 30)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 3),
    st.floats(0.6, 0.995),
)
def test_whatever_the_queue_it_adds_up(table_run, steps, workers, q):
    arrival, free, requests, spans = 0, [0] * workers, [], []
    for i, (gap, service, inside) in enumerate(steps):
        arrival += gap
        worker = int(np.argmin(free))
        start = max(arrival, free[worker])
        free[worker] = start + service
        requests.append(
            {
                "intended_ns": arrival,
                "started_ns": start,
                "finished_ns": start + service,
                "worker": worker,
            }
        )
        end = start + min(inside, service)
        spans.append({"request_id": i, "stage": "inside", "start_ns": start, "end_ns": end})
    table = tail(table_run(requests, spans), q)
    parts, total = table.drop("total"), table.loc["total"]
    for column in ("typical", "tail", "excess", "blame"):
        assert parts[column].sum() == pytest.approx(total[column], abs=1e-3)
