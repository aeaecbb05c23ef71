from __future__ import annotations

import contextvars
import functools
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from latprof.recording import propagation
from latprof.recording.propagation import Propagation

from .handing import by_stage, in_request, is_followed, worker

SUBMIT, START = ThreadPoolExecutor.submit, threading.Thread.start


# ---------------------------------------------------------------- what is not carried over


def test_other_context_variables_stay_as_they_would_be(following):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    def look():
        seen.append(variable.get())
        variable.set("by the thread")

    def hand_over():
        variable.set("by the request")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(look).result()
            pool.submit(look).result()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    contextvars.copy_context().run(in_request, following, hand_over)
    assert seen == ["unset", "by the thread", "unset"]


def test_outside_requests_and_stages_nothing_is_wrapped(following):
    thread = threading.Thread(target=worker(following))
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(worker(following)).result()
    thread.start()
    assert "run" not in vars(thread)
    thread.join()
    assert submitted[:2] == ((), {})
    assert {(row["request_id"], row["parent_id"]) for row in following.spans()} == {(-1, -1)}


def test_a_pool_that_a_request_filled_with_threads_belongs_to_no_request(following):
    with ThreadPoolExecutor(1) as pool:
        in_request(following, lambda: pool.submit(worker(following, "first")).result())
        pool.submit(worker(following, "later")).result()
        later = by_stage(following)["later"]
        assert (later["request_id"], later["parent_id"]) == (-1, -1)
        _, rows = in_request(following, lambda: pool.submit(worker(following)).result())
        assert is_followed(rows)


def test_a_pool_that_fails_to_take_work_leaves_threads_followed(following):
    def hand_over():
        with pytest.raises(RuntimeError):
            shut.submit(print)
        thread = threading.Thread(target=worker(following))
        thread.start()
        thread.join()

    shut = ThreadPoolExecutor(1)
    shut.shutdown()
    assert is_followed(in_request(following, hand_over)[1])


def test_a_worker_is_free_of_a_request_whose_work_failed(following):
    def fail():
        with following.stage("fail"):
            raise LookupError("no such key")

    with ThreadPoolExecutor(1) as pool:
        future = in_request(following, lambda: pool.submit(fail))[0]
        with pytest.raises(LookupError, match="no such key"):
            future.result()
        pool.submit(worker(following)).result()
    rows = by_stage(following)
    assert rows["work"]["request_id"] == -1


def test_a_thread_that_fails_reports_its_own_failure(following, monkeypatch):
    reported = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def fail():
        with following.stage("work"):
            raise LookupError("no such key")

    def hand_over():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    _, rows = in_request(following, hand_over)
    assert is_followed(rows)
    assert [report.exc_type for report in reported] == [LookupError]


def test_a_thread_that_was_there_before_belongs_to_nobody(following):
    asked, done = threading.Event(), threading.Event()

    def serve():
        asked.wait()
        worker(following)()
        done.set()

    thread = threading.Thread(target=serve)
    thread.start()

    def hand_over():
        asked.set()
        done.wait()

    _, rows = in_request(following, hand_over)
    thread.join()
    assert rows["work"]["request_id"] == -1


def test_work_that_outlives_its_request_still_belongs_to_it(following):
    closed = threading.Event()

    def log():
        closed.wait()
        worker(following)()

    def hand_over():
        thread = threading.Thread(target=log)
        thread.start()
        return thread

    thread, rows = in_request(following, hand_over)
    following.core.Request(8)
    closed.set()
    thread.join()
    (row,) = following.spans()
    assert (row["request_id"], row["parent_id"]) == (7, rows["outer"]["span_id"])


def test_processes_are_not_followed_and_not_hindered(following):
    def hand_over():
        with ProcessPoolExecutor(1) as pool:
            return pool.submit(abs, -3).result()

    assert in_request(following, hand_over)[0] == 3


# ---------------------------------------------------------------- threads are left as they were


def test_a_thread_cannot_be_started_twice_and_bears_no_trace(following):
    def hand_over():
        thread = threading.Thread(target=worker(following))
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        return vars(thread)

    assert "run" not in in_request(following, hand_over)[0]


def test_a_thread_that_the_system_refuses_bears_no_trace_and_can_be_tried_again(
    recording, monkeypatch
):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(propagation, "core", recording.core)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    wraps = Propagation()
    wraps.install()
    thread = threading.Thread(target=worker(recording))
    with recording.stage("outer"), pytest.raises(RuntimeError, match="can't start"):
        thread.start()
    assert "run" not in vars(thread)
    wraps.remove()
    assert threading.Thread.start is refuse


def test_wraps_of_others_are_kept(recording, monkeypatch):
    monkeypatch.setattr(propagation, "core", recording.core)
    wraps = Propagation()
    seen = []

    @functools.wraps(SUBMIT)
    def theirs(self, fn, /, *args, **kwargs):
        seen.append("theirs")
        return SUBMIT(self, fn, *args, **kwargs)

    # One that came between making the recorder and entering it is found and put back.
    monkeypatch.setattr(ThreadPoolExecutor, "submit", theirs)
    wraps.install()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print, end="").result()
    assert seen == ["theirs"]
    ours = ThreadPoolExecutor.submit

    # One that came since stays where it is, and goes on to work after the recording.
    @functools.wraps(ours)
    def later(self, fn, /, *args, **kwargs):
        seen.append("later")
        return ours(self, fn, *args, **kwargs)

    ThreadPoolExecutor.submit = later
    wraps.remove()
    recording.core.stop()
    assert ThreadPoolExecutor.submit is later
    assert threading.Thread.start is START
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(abs, -1).result() == 1
    assert seen == ["theirs", "later", "theirs"]


def test_removing_twice_does_nothing():
    wraps = Propagation()
    wraps.install()
    wraps.remove()
    wraps.remove()
    assert ThreadPoolExecutor.submit is SUBMIT


def test_a_recording_may_end_and_another_begin_while_work_goes_on(following):
    entered, go_on = threading.Event(), threading.Event()
    errors = []

    def work():
        try:
            with following.stage("across"):
                entered.set()
                go_on.wait()
            with following.stage("after"):
                pass
        except BaseException as error:
            errors.append(error)
            raise

    def hand_over():
        thread = threading.Thread(target=work)
        thread.start()
        entered.wait()
        return thread

    thread, _ = in_request(following, hand_over)
    following.core.stop()
    following.core.start(False, following.clock)
    request = following.core.Request(1)
    go_on.set()
    thread.join()
    assert errors == []
    assert [(row["stage"], row["request_id"]) for row in following.spans()] == [("after", -1)]
    request.close()


def test_threads_still_run_when_the_recording_has_ended(following):
    go_on, spans = threading.Event(), []

    def work():
        go_on.wait()
        with following.stage("late"):
            spans.append(True)

    def hand_over():
        pool = ThreadPoolExecutor(1)
        return pool, [pool.submit(work) for _ in range(3)]

    (pool, futures), _ = in_request(following, hand_over)
    following.core.stop()
    go_on.set()
    for future in futures:
        future.result(timeout=10)
    pool.shutdown()
    assert spans == [True] * 3
    assert following.spans() == []


def test_many_threads_started_at_once_are_all_followed(following):
    def hand_over():
        threads = [threading.Thread(target=worker(following)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    request = following.core.Request(7)
    with following.stage("outer"):
        hand_over()
    request.close()
    rows = following.spans()
    outer = rows[-1]["span_id"]
    assert [(row["request_id"], row["parent_id"]) for row in rows[:-1]] == [(7, outer)] * 50
