"""Coroutine functions: tasks of an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import threading
import time

import pytest

from latprof.load.scenarios import Concurrent, Constant, Poisson, SingleStream
from latprof.recording import core

SCENARIOS = [
    SingleStream(requests=20),
    Concurrent(3, requests=20),
    Concurrent(3, think=1e-4, requests=20),
    Constant(20_000, requests=20),
    Poisson(20_000, requests=20, workers=2),
]


def overlap(rows):
    """Return how many requests were open at once, at most."""
    edges = sorted(
        [(row["started_ns"], 1) for row in rows] + [(row["finished_ns"], -1) for row in rows]
    )
    return max(itertools.accumulate(step for _, step in edges))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_each_request_is_sent_once(carry_out, scenario):
    taken = []

    async def target(value):
        await asyncio.sleep(0)
        taken.append(value)

    driven = carry_out(target, scenario, list(range(20)))
    assert sorted(taken) == list(range(20))
    assert driven.statuses == ["ok"] * 20
    assert overlap(driven.rows) <= (driven.outcome.workers or 20)


def test_the_spans_of_tasks_side_by_side_belong_to_their_own_request(carry_out):
    together = None
    ids = []

    async def target(value):
        nonlocal together
        together = together or asyncio.Barrier(3)
        await together.wait()
        ids.append((value, core.current_request_id()))

    carry_out(target, Concurrent(3), range(3))
    assert sorted(ids) == [(0, 0), (1, 1), (2, 2)]


def test_an_open_loop_without_a_limit_never_waits_for_an_answer(carry_out):
    arrived = []
    everyone = None

    async def target(value):
        nonlocal everyone
        everyone = everyone or asyncio.Event()
        arrived.append(value)
        if len(arrived) == 30:
            everyone.set()
        await everyone.wait()

    driven = carry_out(target, Constant(1e5, requests=30), range(30))
    assert driven.statuses == ["ok"] * 30
    assert overlap(driven.rows) == 30
    assert {row["worker"] for row in driven.rows} == set(range(30))
    assert driven.outcome.workers is None


def test_idle_tasks_are_used_again(carry_out):
    async def target(_value):
        pass

    driven = carry_out(target, Constant(500, requests=10))
    assert max(row["worker"] for row in driven.rows) < 10
    assert len(driven.rows) == 10


def test_a_target_that_never_waits_leaves_its_neighbours_their_turn(carry_out):
    async def target(_value):
        pass

    driven = carry_out(target, Concurrent(4, requests=40))
    assert {row["worker"] for row in driven.rows} == {0, 1, 2, 3}


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), asyncio.CancelledError()])
@pytest.mark.parametrize("scenario", SCENARIOS[:4], ids=repr)
def test_whatever_the_target_raises_is_an_error_row(carry_out, scenario, error):
    async def target(value):
        if value % 2:
            raise error

    driven = carry_out(target, scenario, range(20))
    assert driven.statuses == ["ok", "error"] * 10
    assert {text.partition(":")[0] for text in driven.errors.values()} == {type(error).__name__}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_a_request_beyond_its_timeout_is_cancelled(carry_out, scenario):
    cancelled = []

    async def target(value):
        try:
            await asyncio.sleep(30 if value == 5 else 0)
        except asyncio.CancelledError:
            cancelled.append(value)
            raise

    driven = carry_out(target, scenario, range(20), timeout_s=0.25)
    expected = ["ok"] * 20
    expected[5] = "timeout"
    assert driven.statuses == expected
    assert cancelled == [5]
    assert driven.errors == {}
    assert driven.outcome.stuck == 0


def test_a_target_that_will_not_be_cancelled_is_left_behind(carry_out, released):
    async def target(value):
        while value == 1 and not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    driven = carry_out(target, SingleStream(), range(4), timeout_s=0.25)
    assert driven.statuses == ["ok", "timeout", "ok", "ok"]


def test_a_target_that_blocks_the_loop_for_good_ends_the_load(carry_out, released, monkeypatch):
    monkeypatch.setattr("latprof.load.eventloop._PATIENCE_S", 0.02)

    async def target(_value):
        released.wait(30)

    driven = carry_out(target, SingleStream(), range(4), timeout_s=0.01)
    assert driven.statuses == ["timeout"]
    assert driven.outcome.stalled
    assert driven.outcome.stuck == 1


def test_a_target_that_blocks_the_loop_for_a_while_does_not_end_it(carry_out):
    async def target(value):
        if value == 0:
            time.sleep(0.4)

    driven = carry_out(target, SingleStream(), range(3), timeout_s=0.25)
    assert driven.statuses == ["timeout", "ok", "ok"]
    assert not driven.outcome.stalled


def test_a_caller_with_a_running_loop_is_no_obstacle(carry_out):
    loops = set()

    async def target(_value):
        loops.add(asyncio.get_running_loop())

    async def notebook():
        carry_out(target, SingleStream(), range(3))
        return asyncio.get_running_loop()

    mine = asyncio.run(notebook())
    assert len(loops) == 1
    assert mine not in loops


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_ctrl_c_ends_the_load_and_lets_the_target_clean_up(carry_out, scenario):
    cleaned = []

    async def target(value):
        if value == 3:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        if value >= 3:
            try:
                await asyncio.sleep(30)
            finally:
                cleaned.append(value)

    driven = carry_out(target, scenario, range(20))
    assert driven.outcome.interrupted
    assert driven.statuses[:3] == ["ok"] * 3
    assert set(driven.statuses[3:]) == {"error"}
    assert set(driven.errors.values()) == {"interrupted"}
    assert sorted(cleaned) == list(range(3, len(driven.rows)))


def test_keyboard_interrupt_of_the_target_ends_the_load(carry_out):
    async def target(value):
        if value == 3:
            raise KeyboardInterrupt

    driven = carry_out(target, SingleStream(), range(20))
    assert driven.outcome.interrupted
    assert driven.statuses == ["ok", "ok", "ok", "error"]


def test_tasks_left_running_by_the_target_are_cancelled_at_the_end(carry_out):
    left = []

    async def background():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            left.append("cancelled")
            raise

    async def target(_value):
        left.append(asyncio.get_running_loop().create_task(background()))
        await asyncio.sleep(0)

    assert carry_out(target, SingleStream()).statuses == ["ok"]
    assert left[1:] == ["cancelled"]


def test_a_task_that_asks_the_program_to_exit_ends_the_load_only(carry_out):
    async def exit_program():
        raise SystemExit(3)

    async def target(value):
        if value == 2:
            task = asyncio.get_running_loop().create_task(exit_program())
            await asyncio.sleep(30)
            await task

    driven = carry_out(target, SingleStream(), range(5))
    assert driven.outcome.interrupted
    assert driven.statuses == ["ok", "ok", "error"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_a_failure_of_the_driver_itself_is_raised(carry_out, scenario):
    def break_notes(traffic):
        def refuse(_request_id, _error):
            raise OSError("no notes")

        traffic.note_failure = refuse

    async def target(_value):
        raise ValueError

    with pytest.raises(OSError, match="no notes"):
        carry_out(target, scenario, range(20), begun=break_notes)
