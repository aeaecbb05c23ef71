from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.analysis import blocks
from latprof.analysis.breakdown import COLUMNS, breakdown
from latprof.analysis.quantiles import quantile

STAGES = ("preprocess", "forward", "fetch", "queue")


def span(stage, start, end, request=0, **columns):
    return {"stage": stage, "start_ns": start, "end_ns": end, "request_id": request, **columns}


def one_request(table_run, *spans, finished=100):
    run = table_run([{"started_ns": 0, "finished_ns": finished}], spans)
    return breakdown(run)


def sums(table):
    return {stage: ns for stage, ns in table["sum"].items() if stage not in ("queue", "total")}


@st.composite
def recordings(draw):
    """Requests side by side in time, and spans of every unpleasant kind."""
    instant = st.integers(0, 60)
    requests = []
    for index in range(draw(st.integers(1, 6))):
        intended, started, finished = sorted(draw(st.tuples(instant, instant, instant)))
        requests.append(
            {
                "request_id": 10 * index,
                "intended_ns": intended,
                "started_ns": started,
                "finished_ns": finished,
                "status": draw(st.sampled_from(["ok", "ok", "error"])),
                "phase": draw(st.sampled_from(["steady", "steady", "warmup"])),
            }
        )
    owner = st.sampled_from([None, 7, *(request["request_id"] for request in requests)])
    spans = []
    for _ in range(draw(st.integers(0, 12))):
        start, end = sorted(draw(st.tuples(instant, instant)))
        spans.append(span(draw(st.sampled_from(STAGES)), start, end, draw(owner)))
    return requests, draw(st.permutations(spans))


def painted(requests, spans):
    """Return `{stage: {request_id: ns}}` by painting every nanosecond of every request."""
    found = {}
    for request in requests:
        if (request["status"], request["phase"]) != ("ok", "steady"):
            continue
        instants = range(request["started_ns"], request["finished_ns"])
        owner = dict.fromkeys(instants, "untracked")
        own = [(i, s) for i, s in enumerate(spans) if s["request_id"] == request["request_id"]]
        for _, each in sorted(own, key=lambda i_s: (i_s[1]["start_ns"], -i_s[1]["end_ns"], i_s[0])):
            within = range(
                max(each["start_ns"], request["started_ns"]),
                min(each["end_ns"], request["finished_ns"]),
            )
            owner |= dict.fromkeys(within, each["stage"])
        ran = {each["stage"] for _, each in own} | {"untracked", "queue"}
        times = {stage: sum(o == stage for o in owner.values()) for stage in ran}
        times["queue"] += request["started_ns"] - request["intended_ns"]
        times["total"] = request["finished_ns"] - request["intended_ns"]
        for stage, ns in times.items():
            found.setdefault(stage, {})[request["request_id"]] = ns
    return found


@settings(max_examples=150, deadline=None)
@given(recordings(), st.sampled_from([1, 3, 1000]))
def test_agrees_with_painting_every_nanosecond(table_run, recording, batch):
    requests, spans = recording
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BATCH", batch)
        table = breakdown(table_run(requests, spans))
    expected = painted(requests, spans)
    assert set(table.index) == set(expected)
    for stage, by_request in expected.items():
        values = list(by_request.values())
        row = table.loc[stage]
        assert row["sum"] == sum(values)
        assert row["requests"] == len(values)
        assert row["max"] == max(values)
        assert row["mean"] == pytest.approx(sum(values) / len(values))
    if expected:
        assert table["sum"].drop("total").sum() == table.loc["total", "sum"]


def test_rows_columns_and_types(table_run):
    table = one_request(table_run, span("b", 10, 20), span("a", 30, 60))
    assert tuple(table.columns) == COLUMNS
    assert table.index.tolist() == ["queue", "b", "a", "untracked", "total"]
    assert table["stage"].tolist() == table.index.tolist()
    assert table.index.name is None
    assert table.attrs["unit"] == "ns"
    whole = ["count", "requests", "sum", "max"]
    assert set(table[whole].dtypes) == {np.dtype("int64")}
    assert set(table.drop(columns=["stage", *whole]).dtypes) == {np.dtype("float64")}


def test_nested_spans_give_self_time_and_inclusive_time(table_run):
    table = one_request(table_run, span("outer", 10, 90), span("inner", 20, 50))
    assert sums(table) == {"outer": 50, "inner": 30, "untracked": 20}
    assert table["inclusive_mean"].to_dict() == {
        "queue": 0,
        "outer": 80,
        "inner": 30,
        "untracked": 20,
        "total": 100,
    }


def test_a_stage_inside_itself_is_open_once(table_run):
    table = one_request(table_run, span("walk", 0, 80), span("walk", 10, 60), span("walk", 20, 30))
    assert table.loc["walk", ["count", "requests", "sum", "inclusive_mean"]].tolist() == [
        3,
        1,
        80,
        80,
    ]


def test_a_stage_that_runs_repeatedly_is_summed_per_request(table_run):
    table = one_request(table_run, span("decode", 10, 20), span("decode", 40, 60))
    assert table.loc["decode", ["count", "requests", "mean", "max"]].tolist() == [2, 1, 30, 30]


def test_overlapping_siblings_of_threads_do_not_count_twice(table_run):
    table = one_request(
        table_run,
        span("gather", 0, 100),
        span("fetch", 10, 60, thread_id=2),
        span("load", 20, 80, thread_id=3),
    )
    assert sums(table) == {"gather": 30, "fetch": 10, "load": 60, "untracked": 0}


def test_spans_are_cut_to_their_request(table_run):
    table = one_request(table_run, span("a", -50, 30), span("b", 70, 170), span("c", 200, 300))
    assert sums(table) == {"a": 30, "b": 30, "c": 0, "untracked": 40}


def test_spans_outside_any_request_are_left_out(table_run):
    table = one_request(table_run, span("a", 0, 50), span("b", 0, 100, request=None))
    assert sums(table) == {"a": 50, "untracked": 50}


def test_a_request_without_spans_is_untracked(table_run):
    table = one_request(table_run)
    assert table["sum"].to_dict() == {"queue": 0, "untracked": 100, "total": 100}
    assert table.loc["untracked", "share"] == 1


def test_a_stage_called_queue_joins_the_queue(table_run):
    requests = [{"intended_ns": 0, "started_ns": 40, "finished_ns": 100}]
    table = breakdown(table_run(requests, [span("queue", 50, 60), span("forward", 60, 100)]))
    assert table["sum"].to_dict() == {"queue": 50, "forward": 40, "untracked": 10, "total": 100}
    assert table.loc["queue", "count"] == 1


def test_a_rare_stage_is_averaged_over_the_requests_that_ran_it(table_run, served):
    requests = served([100] * 400)
    spans = [span("forward", r["started_ns"] + 50, r["finished_ns"], i) for i, r in _rows(requests)]
    spans += [
        span("fetch", r["started_ns"] + 10, r["started_ns"] + 30, i)
        for i, r in _rows(requests)
        if i % 20 == 7
    ]
    table = breakdown(table_run(requests, spans))
    # It usually begins before `forward`, although it was first seen after it.
    assert table.index.tolist() == ["queue", "fetch", "forward", "untracked", "total"]
    assert table.loc["fetch", ["count", "requests", "sum", "mean", "p50"]].tolist() == [
        20,
        20,
        400,
        20,
        20,
    ]
    assert np.isnan(table.loc["fetch", "p90"])
    assert table.loc["fetch", "share"] == pytest.approx(0.01)


def _rows(requests):
    return list(enumerate(requests))


def test_percentiles_are_those_of_self_time_per_request_in_arrival_order(table_run, served):
    rng = np.random.default_rng(0)
    work = np.sort(rng.integers(100, 100_000, 1200))  # in order: worth few independent requests
    requests = served(work + 50)
    spans = [span("work", r["started_ns"], r["finished_ns"] - 50, i) for i, r in _rows(requests)]
    shuffled = [spans[i] for i in rng.permutation(len(spans))]
    table = breakdown(table_run(requests[::-1], _renumbered(shuffled, len(requests))))
    found = quantile(work, 0.9)
    assert found.n_effective < 100
    ends = [np.nan if v is None else v for v in (found.value_ns, found.low_ns, found.high_ns)]
    np.testing.assert_array_equal(table.loc["work", ["p90", "p90_lo", "p90_hi"]].tolist(), ends)


def _renumbered(spans, n):
    """Spans for requests whose rows, and so their identities, were turned round."""
    return [each | {"request_id": n - 1 - each["request_id"]} for each in spans]


def test_only_steady_requests_that_were_answered_count(table_run, served):
    requests = served([100, 200, 300, 400])
    requests[0]["phase"] = "cold"
    requests[1]["status"] = "error"
    requests[2]["phase"] = "warmup"
    spans = [span(f"s{i}", r["started_ns"], r["finished_ns"], i) for i, r in _rows(requests)]
    table = breakdown(table_run(requests, spans))
    assert table["sum"].to_dict() == {"queue": 0, "s3": 400, "untracked": 0, "total": 400}


def test_queue_time_counts_from_the_intended_instant(table_run, served):
    requests = served([100] * 5, queue_ns=30)
    table = breakdown(table_run(requests))
    assert table["sum"].to_dict() == {"queue": 150, "untracked": 500, "total": 650}


@pytest.mark.parametrize("columns", [{"status": "error"}, {"phase": "warmup"}])
def test_nothing_measured_gives_an_empty_table(table_run, served, columns):
    requests = served([100, 100], **columns)
    table = breakdown(table_run(requests, [span("a", 1010, 1050)]))
    assert table.empty
    assert tuple(table.columns) == COLUMNS


def test_a_single_request_has_no_percentiles_but_all_the_rest(table_run):
    row = one_request(table_run, span("a", 0, 60)).loc["a"]
    assert row[["count", "requests", "sum", "mean", "max", "share"]].tolist() == [
        *(1, 1, 60, 60, 60),
        0.6,
    ]
    assert row[["p50", "p50_lo", "p50_hi", "p99"]].isna().all()


def test_requests_of_no_length(table_run):
    table = one_request(table_run, span("a", 0, 0), finished=0)
    assert table["sum"].tolist() == [0, 0, 0, 0]
    assert table["share"].isna().all()


def test_without_requests_the_spans_stand_for_themselves(table_run):
    spans = [
        span("outer", 0, 100, None, thread_id=1),
        span("inner", 20, 50, None, thread_id=1),
        span("inner", 60, 70, None, thread_id=1),
        span("outer", 30, 60, None, thread_id=2),  # another thread: beside, not inside
    ]
    table = breakdown(table_run([], spans))
    assert table.index.tolist() == ["outer", "inner"]
    assert table["count"].tolist() == [2, 2]
    assert table["requests"].tolist() == [0, 0]
    assert table["sum"].tolist() == [60 + 30, 40]
    assert table["mean"].tolist() == [45, 20]
    assert table["max"].tolist() == [60, 30]
    assert table["share"].sum() == pytest.approx(1)
    assert table["inclusive_mean"].tolist() == [65, 20]


def test_a_run_of_nothing(table_run):
    pd.testing.assert_index_equal(breakdown(table_run()).columns, pd.Index(COLUMNS))


def test_cpu_shares_are_those_of_the_own_time(table_run):
    # outer: 100 ns, of which 60 in inner; CPU 70, of which 50 in inner.
    spans = [
        span("outer", 0, 100, cpu_ns=70, runqueue_ns=10),
        span("inner", 20, 80, cpu_ns=50, runqueue_ns=4, parent_id=0),
    ]
    table = one_request(table_run, *spans)
    shares = ["cpu_share", "runqueue_share", "blocked_share"]
    assert table.loc["outer", shares].tolist() == pytest.approx([20 / 40, 6 / 40, 14 / 40])
    assert table.loc["inner", shares].tolist() == pytest.approx([50 / 60, 4 / 60, 6 / 60])
    assert table.loc[["queue", "untracked", "total"], shares].isna().all(axis=None)
