"""Targets that yield: each step is a span of their request, and no stream outlives it."""

from __future__ import annotations

import asyncio
import queue
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latprof as lp
from latprof.load.scenarios import Concurrent, SingleStream
from latprof.testing import FakeClock

STEPS = ("first_item", "next_item")


def profiled(target, inputs=(0,), scenario=None, **options):
    """A run of few requests, all of them measured."""
    options = {"progress": False, "signals": False, "warmup": 0} | options
    return lp.profile(target, inputs, scenario or SingleStream(), **options)


def steps_of(run, request_id=0):
    spans = run.spans[(run.spans.request_id == request_id) & run.spans.stage.isin(STEPS)]
    return list(spans.sort_values("start_ns").stage)


async def drip(count):
    for index in range(count):
        await asyncio.sleep(0)
        yield index


def letters(count):
    yield from "abc"[:count]


class Service:
    """All ways to yield that need no loop, and those that do."""

    def stream(self, count):
        yield from range(count)

    def returning(self, count):
        return self.stream(count)

    async def streaming(self, count):
        for index in range(count):
            yield index

    async def returning_async(self, count):
        await asyncio.sleep(0)
        return drip(count)

    async def returning_plain(self, count):
        return letters(count)

    def __call__(self, count):
        yield from range(count)


class AsyncService:
    async def __call__(self, count):
        for index in range(count):
            yield index


SERVICE = Service()
TARGETS = [
    letters,
    drip,
    SERVICE,
    AsyncService(),
    SERVICE.stream,
    SERVICE.returning,
    SERVICE.streaming,
    SERVICE.returning_async,
    SERVICE.returning_plain,
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda each: getattr(each, "__name__", "object"))
@pytest.mark.parametrize("scenario", [SingleStream(), Concurrent(2)])
def test_k_items_are_k_plus_one_steps(target, scenario):
    run = profiled(target, [0, 1, 3], scenario)
    assert list(run.requests.status) == ["ok"] * 3
    for index, count in enumerate((0, 1, 3)):
        assert steps_of(run, index) == ["first_item", *["next_item"] * count]
    counts = run.requests.set_index("request_id")["attr.items"]
    assert counts.to_dict() == {0: 0, 1: 1, 2: 3}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10**9), max_size=20), st.integers(0, 10**9))
def test_steps_lie_end_to_end_in_their_request(carry_out, pauses, tail):
    clock = FakeClock()

    def target(_):
        for pause in pauses:
            clock.advance(pause)
            yield pause
        clock.advance(tail)

    driven = carry_out(target, SingleStream(), clock=clock)
    (row,) = driven.rows
    assert row["finished_ns"] - row["started_ns"] == sum(pauses) + tail


def test_stages_of_the_producer_lie_inside_its_steps():
    def target(_):
        with lp.stage("prefill"):
            pass
        yield 1
        with lp.stage("decode"):
            pass
        yield 2

    spans = profiled(target).spans
    names = spans.set_index("span_id").stage
    parents = {
        row.stage: names[row.parent_id] for row in spans.dropna(subset="parent_id").itertuples()
    }
    assert parents == {"prefill": "first_item", "decode": "next_item"}


def test_a_producer_in_a_thread_of_its_own_owns_its_time():
    def target(_):
        given = queue.SimpleQueue()

        def produce():
            with lp.stage("decode"):
                for item in (1, 2, None):
                    time.sleep(0.01)
                    given.put(item)

        thread = threading.Thread(target=produce)
        thread.start()
        while (item := given.get()) is not None:
            yield item
        thread.join()

    breakdown = profiled(target).breakdown()
    assert breakdown.loc["decode", "share"] > 0.5
    assert breakdown["sum"].iloc[:-1].sum() == breakdown.loc["total", "sum"]


def test_an_instrumented_producer_is_consumed_too():
    class Model:
        stages = ("generate",)

        def generate(self, count):
            yield from range(count)

        def predict(self, count):
            return self.generate(count)

    run = profiled(Model(), [2])
    assert list(run.spans.stage).count("generate") == 3
    assert run.requests["attr.items"].tolist() == [2]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_that_breaks_keeps_the_items_so_far(is_async):
    def broken(_):
        yield 1
        yield 2
        raise ValueError("no third")

    async def broken_async(_):
        for item in (1, 2):
            yield item
        raise ValueError("no third")

    run = profiled(broken_async if is_async else broken)
    assert list(run.requests.status) == ["error"]
    assert list(run.requests.error) == ["ValueError: no third"]
    assert run.requests["attr.items"].tolist() == [2]
    assert steps_of(run) == ["first_item", "next_item", "next_item"]
    assert run.spans.error.tolist() == [False, False, True]


@pytest.mark.parametrize("is_async", [False, True])
def test_an_endless_stream_ends_soon_after_its_timeout(is_async):
    closed = threading.Event()

    def endless(_):
        try:
            while True:
                time.sleep(0.001)
                yield 1
        finally:
            closed.set()

    async def endless_async(_):
        try:
            while True:
                await asyncio.sleep(0.001)
                yield 1
        finally:
            closed.set()

    run = profiled(endless_async if is_async else endless, timeout=0.1)
    assert list(run.requests.status) == ["timeout"]
    assert closed.wait(30)
    assert steps_of(run)[:3] == ["first_item", "next_item", "next_item"]


def test_an_async_stream_that_never_waits_ends_after_its_timeout_too():
    async def endless(_):
        while True:
            yield 1

    run = profiled(endless, timeout=0.05)
    assert list(run.requests.status) == ["timeout"]


def test_a_stream_that_refuses_to_be_closed_is_an_error_or_left_alone(carry_out):
    def stubborn(_):
        while True:
            try:
                time.sleep(0.001)
                yield 1
            except GeneratorExit:
                yield 2

    driven = carry_out(stubborn, SingleStream(), timeout_s=0.05)
    assert driven.statuses == ["timeout"]
    assert driven.errors == {}


def test_ctrl_c_ends_an_endless_stream(carry_out):
    closed = []

    def endless(_):
        try:
            yield 1
            while True:
                yield 2
                raise KeyboardInterrupt
        finally:
            closed.append(True)

    driven = carry_out(endless, SingleStream(), range(5))
    assert driven.outcome.interrupted
    assert driven.statuses == ["error"]
    assert driven.errors == {0: "interrupted"}
    assert closed == [True]


def test_items_are_let_go_at_once():
    class Item:
        alive = 0

        def __init__(self):
            Item.alive += 1

        def __del__(self):
            Item.alive -= 1

    most = []

    def target(_):
        for _ in range(5):
            yield Item()
            most.append(Item.alive)

    profiled(target)
    assert most == [0] * 5


@pytest.mark.parametrize("is_async", [False, True])
def test_a_coroutine_is_no_answer(carry_out, is_async):
    async def answer(value):
        return value

    async def forgetful(value):
        return answer(value)

    def careless(value):
        return answer(value)

    driven = carry_out(forgetful if is_async else careless, SingleStream())
    assert driven.statuses == ["error"]
    assert "returned a coroutine, which has not done anything yet" in driven.errors[0]
    assert "async def that awaits it" in driven.errors[0]


def test_an_async_generator_needs_a_loop(carry_out):
    def careless(count):
        return drip(count)

    driven = carry_out(careless, SingleStream())
    assert driven.statuses == ["error"]
    assert "an async generator" in driven.errors[0]
    assert "make the target an async def" in driven.errors[0]
