from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from latprof.errors import UsageError
from latprof.recording import session
from latprof.recording.propagation import Propagation
from latprof.recording.request import annotate, error_text, request
from latprof.run.vocabulary import STATUSES


class Session:
    """What marks need of a recorder, and what they told it."""

    def __init__(self):
        self.notes = {}
        self.failures = {}

    def note(self, request_id, attributes):
        self.notes.setdefault(request_id, {}).update(attributes)

    def fail(self, request_id, error):
        self.failures[request_id] = error

    def after_fork(self): ...


@pytest.fixture
def noted():
    it = Session()
    session.activate(it)
    yield it
    session.deactivate()


@pytest.fixture
def marked(in_use, noted):
    """A core that records, and what was noted beside the rows."""
    in_use.noted = noted
    return in_use


def statuses(marked):
    return {row["request_id"]: STATUSES[row["status"]] for row in marked.rows()[0]}


# ---------------------------------------------------------------- a request is a row


def test_a_block_is_a_request_with_its_instants(marked):
    marked.clock.advance(10)
    with request(tenant="acme", tokens=128):
        marked.clock.advance(40)
    ((row,), _) = marked.rows()
    assert (row["started_ns"], row["finished_ns"]) == (1_010, 1_050)
    assert row["intended_ns"] == row["started_ns"]
    assert marked.noted.notes == {0: {"tenant": "acme", "tokens": 128}}


def test_requests_get_ids_of_their_own_and_stages_carry_them(marked):
    for _ in range(3):
        with request(), marked.stage("forward"):
            pass
    requests, spans = marked.rows()
    assert [row["request_id"] for row in requests] == [0, 1, 2]
    assert [row["request_id"] for row in spans] == [0, 1, 2]
    assert marked.noted.notes == {}


def test_any_name_can_be_an_attribute(marked):
    with request(self=1, **{"with space": 2, "": 3, "é": 4}):
        annotate(self=5, recorder=6)
    assert marked.noted.notes[0] == {"self": 5, "with space": 2, "": 3, "é": 4, "recorder": 6}


def test_requests_in_threads_and_tasks_are_each_their_own(marked):
    async def serve(k):
        with request(task=k):
            await asyncio.sleep(0)
            annotate(again=k)

    async def serve_all():
        await asyncio.gather(*(serve(k) for k in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(serve_all())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses(marked)) == list(range(30))
    assert all(note["task"] == note["again"] for note in marked.noted.notes.values())


def test_a_request_inside_another_adds_to_it(marked):
    with request(outer=1, both="outer"):
        with request(inner=2, both="inner"):
            marked.clock.advance(5)
        marked.clock.advance(5)
    ((row,), _) = marked.rows()
    assert row["finished_ns"] - row["started_ns"] == 10
    assert marked.noted.notes == {0: {"outer": 1, "inner": 2, "both": "inner"}}


def test_a_request_inside_one_that_a_driver_sent_adds_to_it(marked):
    marked.core.start(False, marked.clock, False)
    sent = marked.core.Request(41)
    with request(tenant="acme"):
        annotate(tokens=3)
    sent.close()
    with request(tenant="nobody"):  # a driver sends the requests: there are no others
        annotate(tokens=4)
    assert statuses(marked) == {41: "ok"}
    assert marked.noted.notes == {41: {"tenant": "acme", "tokens": 3}}


# ---------------------------------------------------------------- annotate


def test_attributes_are_added_from_anywhere_inside(marked):
    async def deep():
        await asyncio.sleep(0)
        annotate(task=1)
        await asyncio.to_thread(annotate, thread_of_task=2)

    propagation = Propagation()
    propagation.install()
    try:
        with request(), marked.stage("forward"), ThreadPoolExecutor(1) as pool:
            annotate(inside=0)
            asyncio.run(deep())
            pool.submit(annotate, pool=3).result()
            thread = threading.Thread(target=annotate, kwargs={"thread": 4})
            thread.start()
            thread.join()
    finally:
        propagation.remove()
    assert marked.noted.notes == {
        0: {"inside": 0, "task": 1, "thread_of_task": 2, "pool": 3, "thread": 4}
    }


def test_outside_a_request_annotations_go_nowhere(marked):
    annotate(lost=1)
    with marked.stage("forward"):
        annotate(lost=2)
    with request():
        pass
    annotate(lost=3)
    assert marked.noted.notes == {}


def test_a_task_that_outlives_its_request_annotates_nothing(marked):
    async def serve():
        with request():
            late = asyncio.ensure_future(annotate_late())
        with request():
            await late

    async def annotate_late():
        await asyncio.sleep(0)
        annotate(lost=1)

    asyncio.run(serve())
    assert marked.noted.notes == {}


# ---------------------------------------------------------------- failures


class UnreadableError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad input"), "ValueError: bad input"),
        (ValueError(), "ValueError"),
        (KeyError("tenant"), "KeyError: 'tenant'"),
        (UnreadableError(), "UnreadableError: (its message could not be read)"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (ValueError("naïve \ud800 \x00"), "ValueError: naïve \ud800 \x00"),
    ],
)
def test_a_request_that_raises_is_an_error_with_its_text(marked, error, text):
    with pytest.raises(type(error)) as caught, request(a=1):
        raise error
    assert caught.value is error
    assert statuses(marked) == {0: "error"}
    assert marked.noted.failures == {0: text}
    assert marked.noted.notes == {0: {"a": 1}}


def test_a_long_message_is_cut():
    text = error_text(ValueError("x" * 10_000))
    assert len(text) == 500
    assert text.startswith("ValueError: xxx")
    assert text.endswith("…")


def test_what_is_caught_inside_is_no_failure(marked):
    with request(), pytest.raises(ValueError, match="handled"), request(inner=True):
        raise ValueError("handled")
    assert statuses(marked) == {0: "ok"}
    assert marked.noted.failures == {}


# ---------------------------------------------------------------- no recording, other recordings


def test_without_a_recording_nothing_happens(core):
    with request(a=1) as entered:
        annotate(b=2)
    assert isinstance(entered, request)
    with pytest.raises(ValueError, match="through"), request():
        raise ValueError("through")
    assert core.drain()[0] == b""


def test_a_request_open_when_the_recording_begins_is_not_in_it(in_use, noted):
    in_use.core.stop()
    with request(a=1):
        in_use.core.start(False, in_use.clock)
        annotate(b=2)
    assert in_use.rows()[0] == []
    assert noted.notes == {}


def test_a_request_of_an_earlier_recording_tells_the_next_nothing(marked):
    early = Session()
    session.deactivate()
    session.activate(early)

    def record_anew():
        session.deactivate()
        session.activate(marked.noted)
        marked.core.start(False, marked.clock)
        with request():
            pass
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"), request():
        record_anew()
    assert statuses(marked) == {0: "ok"}
    assert marked.noted.failures == {}
    assert early.failures == {}


# ---------------------------------------------------------------- misuse


def test_attributes_without_names_are_refused():
    with pytest.raises(UsageError, match=r"have names: write latprof.request\(name=...\)"):
        request("acme")


def test_a_request_is_no_decorator():
    with pytest.raises(UsageError, match="have names"):

        @request
        def serve(): ...

    with pytest.raises(UsageError, match=r"no decorator: write `with latprof\.request"):

        @request(tenant="acme")
        def serve_too(): ...


def test_an_open_request_cannot_be_entered_again(marked):
    shared = request(a=1)
    with shared, pytest.raises(UsageError, match="open already"), shared:
        pass
    with shared:  # one after the other is fine
        pass
    assert statuses(marked) == {0: "ok", 1: "ok"}


def test_only_one_session_is_active():
    first, second = Session(), Session()
    session.activate(first)
    try:
        with pytest.raises(RuntimeError, match="a recording is under way"):
            session.activate(second)
        assert session.current is first
    finally:
        session.deactivate()
    assert session.current is None
