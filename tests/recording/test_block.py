"""Blocks of both cores: what `latprof.request` is made of."""

from __future__ import annotations

import contextlib
import gc
import importlib

import psutil
import pytest

from latprof.errors import UsageError
from latprof.recording import session


class Recorder:
    def __init__(self):
        self.notes, self.failures = {}, {}

    def note(self, request_id, attributes):
        self.notes[request_id] = dict(attributes)

    def fail(self, request_id, error):
        self.failures[request_id] = error

    def after_fork(self): ...


@pytest.fixture
def recorder():
    it = Recorder()
    session.activate(it)
    yield it
    session.deactivate()


@pytest.fixture
def block(core):
    home = importlib.import_module(f"{core.__name__.replace('_plain', '_plainblock')}")
    return home.Block


def test_a_block_is_a_request_with_an_id_of_its_own(recording, block):
    for _ in range(2):
        with block() as entered, recording.stage("forward"):
            assert isinstance(entered, block)
            recording.clock.advance(7)
    requests, spans = recording.rows()
    assert [row["request_id"] for row in requests] == [0, 1]
    assert [row["finished_ns"] - row["started_ns"] for row in requests] == [7, 7]
    assert [row["request_id"] for row in spans] == [0, 1]


def test_noting_attributes_is_not_the_time_of_the_request(recording, block, recorder):
    recorder.note = lambda *_: recording.clock.advance(100)
    with block(tokens=3):
        recording.clock.advance(5)
    (row,) = recording.rows()[0]
    assert row["finished_ns"] - row["started_ns"] == 5


def test_a_block_inside_a_request_adds_to_it(recording, block, recorder):
    with block(a=1), block(b=2):
        pass
    assert len(recording.rows()[0]) == 1
    assert recorder.notes == {0: {"b": 2}}


def test_where_a_driver_marks_requests_a_block_is_none(core, block, recorder):
    core.start(False, None, False)
    with block(a=1):
        assert core.current_request_id() == -1
    request = core.Request(41)
    with block(b=2):
        pass
    request.close()
    assert recorder.notes == {41: {"b": 2}}


def test_what_is_raised_is_told_and_goes_on(recording, block, recorder):
    with pytest.raises(ValueError, match="bad"), block():
        raise ValueError("bad")
    assert recorder.failures == {0: "ValueError: bad"}
    assert recording.rows()[0][0]["status"] == 1


def test_a_recorder_that_fails_leaves_the_request_closed(recording, block, recorder):
    def fail(*_):
        raise RuntimeError("no room")

    recorder.fail = fail
    with pytest.raises(RuntimeError, match="no room"), block():
        raise ValueError("bad")
    assert recording.core.current_request_id() == -1
    assert len(recording.rows()[0]) == 1


def test_an_exit_stack_takes_it(recording, block):
    with contextlib.ExitStack() as stack:
        stack.enter_context(block())
        recording.clock.advance(3)
    assert len(recording.rows()[0]) == 1


def test_left_without_being_entered_it_does_nothing(recording, block):
    it = block(a=1)
    it.__exit__(None, None, None)
    it.__exit__()
    assert recording.rows() == ([], [])


def test_misuse_is_refused(recording, block):
    with pytest.raises(UsageError, match="have names"):
        block("acme")
    it = block()
    with it, pytest.raises(UsageError, match="open already"):
        it.__enter__()


def test_blocks_leave_nothing_behind(core, block, recorder):
    recorder.note = recorder.fail = lambda *_: None

    def use(count):
        for _ in range(count):
            with block(a=object()):
                pass
            with contextlib.suppress(ValueError), block():
                raise ValueError
            open_for_ever = block()
            open_for_ever.__enter__()
            core.start(False)
        core.drain()
        gc.collect()

    use(2_000)
    before = psutil.Process().memory_info().rss
    use(20_000)
    assert psutil.Process().memory_info().rss - before < 1 << 20
