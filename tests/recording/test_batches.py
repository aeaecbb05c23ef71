"""What a run shows of batches: who waited how long, and for which stages."""

from __future__ import annotations

import asyncio
import threading
import time

import pandas as pd
import pytest

import latprof as lp


def forward(values):
    with lp.stage("forward"):
        with lp.stage("inner"):
            time.sleep(0.001)
        time.sleep(0.001)
    return values


async def forward_async(values):
    with lp.stage("forward"):
        with lp.stage("inner"):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)
    return values


@pytest.fixture(scope="module", params=[forward, forward_async], ids=["threads", "tasks"])
def run(request):
    target = lp.Batcher(request.param, max_batch=4, max_delay_ms=1)
    options = {"progress": False, "signals": False, "warmup": 0}
    return lp.profile(target, range(60), lp.Poisson(1_500, workers=8, requests=60), **options)


def test_each_request_knows_its_batch(run):
    sizes = run.requests.groupby("batch_id").size()
    assert run.requests.status.eq("ok").all()
    assert sizes.max() <= 4
    told = run.requests["attr.batch_size"].to_numpy()
    assert (told == sizes[run.requests.batch_id].to_numpy()).all()
    assert sizes.max() > 1


def test_parts_add_up_to_the_total(run):
    breakdown = run.breakdown()
    assert breakdown["sum"].iloc[:-1].sum() == breakdown["sum"].iloc[-1]
    for stage in ("queue", "forward", "inner"):
        assert breakdown.loc[stage, "requests"] == 60


def test_all_of_a_batch_wait_for_the_same_stages(run):
    spans = run.spans.merge(run.requests[["request_id", "batch_id"]], on="request_id")
    stages = spans[spans.stage.isin(["forward", "inner"])]
    for _, batch in stages.groupby(["batch_id", "stage"], observed=True):
        assert batch.start_ns.nunique() == batch.end_ns.nunique() == batch.thread_id.nunique() == 1
        assert batch.request_id.is_unique
    per_request = stages.groupby("request_id").size()
    assert per_request.eq(2).all()
    assert len(per_request) == 60


def test_time_on_the_cpu_is_counted_once_a_batch(run):
    cpu = run.spans[run.spans.stage == "forward"].cpu_ns
    assert cpu.notna().sum() <= run.requests.batch_id.nunique()


def test_a_wait_ends_where_the_batch_begins(run):
    spans = run.spans.merge(run.requests[["request_id", "batch_id"]], on="request_id")
    ends = spans[spans.stage == "queue"].groupby("batch_id").end_ns
    begins = spans[spans.stage == "forward"].groupby("batch_id").start_ns
    assert ends.nunique().eq(1).all()
    assert (begins.first() >= ends.first()).all()


def test_copies_have_parents_of_their_own(run):
    spans = run.spans.set_index("span_id")
    inner = spans[spans.stage == "inner"]
    parents = spans.loc[inner.parent_id]
    assert parents.stage.eq("forward").all()
    assert (parents.request_id.to_numpy() == inner.request_id.to_numpy()).all()
    outermost = spans[spans.stage.isin(["forward", "queue"])]
    assert outermost.parent_id.isna().all()


def test_inside_a_stage_of_each_request_copies_hang_there():
    batcher = lp.Batcher(forward, max_batch=2, max_delay_ms=60_000)

    def target(value):
        with lp.stage("serve"):
            return batcher(value)

    run = lp.profile(target, range(4), lp.Concurrent(2), progress=False, signals=False)
    spans = run.spans.set_index("span_id")
    below = spans[spans.stage.isin(["forward", "queue"])]
    assert len(below) == 8
    parents = spans.loc[below.parent_id]
    assert parents.stage.eq("serve").all()
    assert (parents.request_id.to_numpy() == below.request_id.to_numpy()).all()


def test_requests_of_a_server_of_ones_own_are_gathered_too():
    batcher = lp.Batcher(forward, max_batch=3, max_delay_ms=60_000)

    def serve(value):
        with lp.request(tenant="acme"):
            batcher(value)

    with lp.record(signals=False) as recording:
        threads = [threading.Thread(target=serve, args=(value,)) for value in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    requests = recording.run.requests
    assert requests["attr.batch_size"].tolist() == [3, 3, 3]
    assert recording.run.spans.groupby("stage", observed=True).size()["forward"] == 3


def test_outside_any_request_spans_stay_single():
    batcher = lp.Batcher(forward, max_batch=2, max_delay_ms=60_000)
    with lp.record(signals=False) as recording:
        threads = [threading.Thread(target=batcher, args=(value,)) for value in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(recording.run.spans.stage) == ["forward", "inner"]


def test_what_the_leader_does_besides_is_its_own():
    batcher = lp.Batcher(forward, max_batch=2, max_delay_ms=60_000)

    def target(value):
        with lp.stage("before"):
            time.sleep(0.0005)
        batcher(value)
        with lp.stage("after"):
            time.sleep(0.0005)
        batcher(value)

    run = lp.profile(target, range(6), lp.Concurrent(2), progress=False, signals=False)
    counts = pd.crosstab(run.spans.request_id, run.spans.stage)
    assert counts["before"].eq(1).all()
    assert counts["after"].eq(1).all()
    assert counts["forward"].eq(2).all()
    assert counts["queue"].eq(2).all()


def test_a_batch_that_outlasts_flushes_is_whole():
    def slow(values):
        for _ in range(3):
            with lp.stage("step"):
                time.sleep(0.3)
        return values

    target = lp.Batcher(slow, max_batch=2, max_delay_ms=60_000)
    run = lp.profile(target, range(2), lp.Concurrent(2), progress=False, signals=False)
    assert run.spans[run.spans.stage == "step"].groupby("request_id").size().tolist() == [3, 3]
