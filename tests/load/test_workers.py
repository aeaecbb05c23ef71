"""Plain targets: in the calling thread, in threads, and beyond their timeout."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.errors import UsageError
from latprof.load.scenarios import Concurrent, Constant, Poisson, SingleStream
from latprof.load.workers import Worker
from latprof.testing import FakeClock, ScriptedTarget

SERVICES = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


@given(services=SERVICES, start=st.integers(0, 10**12))
def test_a_closed_loop_sends_one_after_the_other(carry_out, services, start):
    clock = FakeClock(start)
    driven = carry_out(ScriptedTarget(clock, services), SingleStream(), list(services), clock=clock)
    ends = list(itertools.accumulate(services, initial=start))
    assert [row["started_ns"] for row in driven.rows] == ends[:-1]
    assert [row["finished_ns"] for row in driven.rows] == ends[1:]
    assert all(row["intended_ns"] == row["started_ns"] for row in driven.rows)


@given(services=SERVICES, rate=st.floats(0.1, 1e6), seed=st.integers(0, 99))
def test_an_open_loop_with_one_worker_is_the_queue_of_lindley(carry_out, services, rate, seed):
    clock = FakeClock(10**15)
    scenario = Poisson(rate, requests=len(services))
    driven = carry_out(ScriptedTarget(clock, services), scenario, clock=clock, seed=seed)
    free = 0
    arrivals = scenario.plan(1, seed).offsets.tolist()
    for row, offset, service in zip(driven.rows, arrivals, services, strict=True):
        intended = 10**15 + offset
        assert row["intended_ns"] == intended
        assert row["started_ns"] == max(intended, free)
        free = row["finished_ns"]
        assert free == row["started_ns"] + service


def test_a_stall_is_charged_to_every_request_that_it_held_up(carry_out):
    clock = FakeClock()
    services = [10**6] * 100
    services[10] = 2 * 10**9
    driven = carry_out(ScriptedTarget(clock, services), Constant(100, requests=100), clock=clock)
    queue = [row["started_ns"] - row["intended_ns"] for row in driven.rows]
    assert queue[:11] == [0] * 11
    # The first behind the stall waits nearly all of it, and each later one 9 ms less.
    assert queue[11:] == [2 * 10**9 - 10**7 - 9 * 10**6 * place for place in range(89)]


def test_a_pause_lies_between_the_requests_of_a_user(carry_out):
    clock = FakeClock()
    driven = carry_out(ScriptedTarget(clock, [5]), Concurrent(1, think=1.0), range(3), clock=clock)
    assert [row["started_ns"] for row in driven.rows] == [0, 10**9 + 5, 2 * 10**9 + 10]


def test_a_closed_loop_begins_nothing_after_its_duration(carry_out):
    clock = FakeClock()
    driven = carry_out(ScriptedTarget(clock, [400]), SingleStream(duration=1e-6), clock=clock)
    assert [row["started_ns"] for row in driven.rows] == [0, 400, 800]


def test_requests_and_duration_together_end_at_the_first(carry_out):
    clock = FakeClock()
    scenario = SingleStream(requests=2, duration=1e-6)
    assert len(carry_out(ScriptedTarget(clock, [1]), scenario, clock=clock).rows) == 2


def test_arrivals_hours_apart_are_waited_for(carry_out):
    clock = FakeClock()
    driven = carry_out(ScriptedTarget(clock, [1]), Constant(1e-3, requests=3), clock=clock)
    assert [row["started_ns"] for row in driven.rows] == [0, 10**12, 2 * 10**12]


def test_inputs_are_used_in_order_and_start_over(carry_out):
    target = ScriptedTarget(FakeClock(), [1])
    carry_out(target, SingleStream(requests=5), ["a", None])
    assert target.inputs == ["a", None, "a", None, "a"]


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_each_request_is_sent_once_and_no_worker_does_two_at_a_time(carry_out, workers):
    taken = []
    driven = carry_out(taken.append, Poisson(50_000, workers=workers), list(range(500)))
    assert sorted(taken) == list(range(500))
    assert [row["request_id"] for row in driven.rows] == list(range(500))
    assert all(row["intended_ns"] <= row["started_ns"] for row in driven.rows)
    for _, rows in itertools.groupby(
        sorted(driven.rows, key=lambda row: (row["worker"], row["started_ns"])),
        key=lambda row: row["worker"],
    ):
        assert all(a["finished_ns"] <= b["started_ns"] for a, b in itertools.pairwise(rows))
    assert driven.outcome.workers == workers


def test_as_many_requests_are_in_flight_as_there_are_users(carry_out):
    together = threading.Barrier(3, timeout=10)
    driven = carry_out(lambda _: together.wait(), Concurrent(3), range(6))
    assert driven.statuses == ["ok"] * 6


def test_one_worker_without_a_timeout_is_the_calling_thread(carry_out):
    threads = set()
    carry_out(lambda _: threads.add(threading.get_ident()), Constant(1e6), range(3))
    assert threads == {threading.get_ident()}


class _Mute(Exception):  # noqa: N818 - a name as users give
    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such token"), "ValueError: no such token"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
        (_Mute(), "_Mute: (its message could not be read)"),
    ],
)
@pytest.mark.parametrize("scenario", [SingleStream(), Concurrent(2), Constant(1e6)])
def test_whatever_the_target_raises_is_an_error_row(carry_out, scenario, error, text):
    clock = FakeClock()
    driven = carry_out(ScriptedTarget(clock, [error, 1]), scenario, range(4), clock=clock)
    assert sorted(driven.statuses) == ["error", "error", "ok", "ok"]
    assert set(driven.errors.values()) == {text}
    assert not driven.outcome.interrupted


def test_endless_recursion_is_an_error_row(carry_out):
    def recurse(value):
        return recurse(value)

    driven = carry_out(recurse, SingleStream(), range(2))
    assert driven.statuses == ["error", "error"]
    assert driven.errors[0].startswith("RecursionError: ")


def test_what_the_target_returns_is_of_no_concern(carry_out):
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        def __bool__(self):
            raise RuntimeError

        __hash__ = None

    assert carry_out(lambda _: Odd(), SingleStream()).statuses == ["ok"]


def test_a_request_beyond_its_timeout_is_closed_and_the_run_goes_on(carry_out, released):
    def target(value):
        if value == 1:
            released.wait(30)

    driven = carry_out(target, SingleStream(), range(4), timeout_s=0.25)
    assert driven.statuses == ["ok", "timeout", "ok", "ok"]
    assert driven.errors == {}
    late = driven.rows[1]
    assert late["finished_ns"] - late["started_ns"] >= 250_000_000
    assert {row["worker"] for row in driven.rows} == {0}
    assert driven.outcome.stuck == 1


def test_a_call_that_comes_back_too_late_changes_nothing(carry_out, released):
    returned = threading.Event()

    def target(value):
        if value == 0:
            released.wait(30)
            returned.set()
            raise ValueError("too late")
        released.set()
        assert returned.wait(30)

    driven = carry_out(target, SingleStream(), range(2), timeout_s=0.25)
    assert driven.statuses[0] == "timeout"
    assert len(driven.rows) == 2
    assert "ValueError: too late" not in driven.errors.values()


def test_workers_that_hang_are_replaced_within_the_duration_only(carry_out, released):
    scenario = Concurrent(2, duration=0.05)
    driven = carry_out(lambda _: released.wait(30), scenario, timeout_s=0.02)
    assert set(driven.statuses) == {"timeout"}
    assert driven.outcome.stuck == len(driven.rows) >= 2


def test_a_target_that_hangs_on_every_request_ends_the_load(carry_out, released, monkeypatch):
    monkeypatch.setattr("latprof.load.workers._MOST_STUCK", 3)
    driven = carry_out(lambda _: released.wait(30), SingleStream(), range(50), timeout_s=0.001)
    assert driven.outcome.stalled
    assert driven.outcome.stuck >= 3
    assert len(driven.rows) < 50


def test_more_threads_than_the_machine_has_are_refused(carry_out, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(UsageError, match="cannot start 3 threads: ask for fewer workers"):
        carry_out(len, Concurrent(3))


def test_a_failure_of_the_driver_itself_is_raised(carry_out):
    def break_notes(traffic):
        def refuse(_request_id, _error):
            raise OSError("no notes")

        traffic.note_failure = refuse

    with pytest.raises(OSError, match="no notes"):
        carry_out(lambda _: 1 / 0, Concurrent(2), begun=break_notes)


def test_a_load_that_is_halted_finishes_what_is_in_flight(carry_out):
    seen = []

    def begun(traffic):
        def target(value):
            seen.append(value)
            if value == 2:
                traffic.halt()

        traffic.call = target

    driven = carry_out(len, SingleStream(), range(9), begun=begun)
    assert seen == [0, 1, 2]
    assert driven.statuses == ["ok"] * 3
    assert not driven.outcome.interrupted


def test_a_sleeper_notices_that_the_load_was_halted(carry_out):
    def begun(traffic):
        threading.Timer(0.01, traffic.halt).start()

    begun_s = time.monotonic()
    driven = carry_out(len, Constant(0.01, requests=2), [()], begun=begun)
    assert len(driven.rows) == 1
    assert time.monotonic() - begun_s < 50  # the second arrival lies 100 s ahead


def test_ctrl_c_ends_the_load_and_keeps_what_was_recorded(carry_out):
    def target(value):
        if value == 3:
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the target went on")

    driven = carry_out(target, SingleStream(), range(9))
    assert driven.outcome.interrupted
    assert driven.statuses == ["ok", "ok", "ok", "error"]
    assert driven.errors == {3: "interrupted"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_wakes_the_thread_that_watches_the_workers(carry_out, released):
    def target(value):
        if value == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        if value >= 5:
            released.wait(30)

    driven = carry_out(target, Concurrent(3), range(100))
    assert driven.outcome.interrupted
    assert driven.statuses[:5] == ["ok"] * 5
    assert 1 <= driven.statuses.count("error") <= 3
    assert set(driven.errors.values()) == {"interrupted"}


def test_keyboard_interrupt_of_a_worker_thread_ends_the_load(carry_out):
    clock = FakeClock()
    target = ScriptedTarget(clock, [1, KeyboardInterrupt()])
    driven = carry_out(target, Concurrent(2), range(100), clock=clock)
    assert driven.outcome.interrupted
    assert "interrupted" in driven.errors.values()
    assert len(driven.rows) < 100


def test_ctrl_c_at_any_bytecode_of_the_loop_leaves_every_request_closed_once(carry_out):
    def press_at(place):
        passed = itertools.count()

        def trace(frame, event, _argument):
            frame.f_trace_opcodes = frame.f_code is Worker.serve.__code__
            if event == "opcode" and next(passed) == place:
                signal.raise_signal(signal.SIGINT)
            return trace

        done = []
        sys.settrace(trace)
        try:
            return done, carry_out(done.append, SingleStream(), range(4))
        finally:
            sys.settrace(None)

    for place in range(200):
        done, driven = press_at(place)
        if not driven.outcome.interrupted:  # the loop is shorter than that
            break
        assert [row["request_id"] for row in driven.rows] == list(range(len(driven.rows)))
        assert len(driven.rows) - len(done) in (0, 1)
        assert driven.left_open == -1
        assert driven.statuses.count("error") <= 1
        # The note of a request that closed by itself in that moment goes nowhere.
        failed = {row["request_id"] for row in driven.rows if row["status"] == "error"}
        assert failed <= driven.errors.keys() <= set(range(len(driven.rows)))
    assert place > 100


@settings(max_examples=20, deadline=None)
@given(workers=st.integers(1, 8), rate=st.floats(1e3, 1e6), seed=st.integers(0, 99))
def test_several_workers_take_arrivals_in_their_order(carry_out, workers, rate, seed):
    taken = []
    driven = carry_out(taken.append, Poisson(rate, workers=workers), range(60), seed=seed)
    assert sorted(taken) == list(range(60))
    intended = [row["intended_ns"] for row in driven.rows]
    assert intended == sorted(intended)
