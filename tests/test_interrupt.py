from __future__ import annotations

import contextlib
import signal
import sys
import threading

import pytest

from latprof.interrupt import deferred, graceful, recall, unmissed


def press():
    signal.raise_signal(signal.SIGINT)


def test_the_first_press_is_reported_and_raises_only_where_exposed():
    presses = []
    with graceful(lambda: presses.append("hidden"), lambda: False):
        press()
    with pytest.raises(KeyboardInterrupt), graceful(lambda: presses.append("seen"), lambda: True):
        press()
    assert presses == ["hidden", "seen"]


def test_the_second_press_is_as_it_always_was():
    presses = []

    def press_twice():
        with graceful(lambda: presses.append(1), lambda: False):
            press()
            press()

    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert presses == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_that_handles_the_signal_itself_is_left_alone():
    theirs = []
    before = signal.signal(signal.SIGINT, lambda *_: theirs.append(1))
    try:
        with graceful(lambda: pytest.fail("not ours"), lambda: True):
            press()
        assert theirs == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_signal_alone():
    seen = []

    def run():
        with graceful(lambda: None, lambda: True):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_a_press_waits_until_a_deferred_block_is_through():
    done = []

    @deferred()
    def bookkeeping():
        press()
        done.append(signal.getsignal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        bookkeeping()
    assert done == [signal.default_int_handler], "a second press was to be as it always was"
    bookkeeping_without_press = deferred()(lambda: done.append(1))
    bookkeeping_without_press()
    assert done[1:] == [1]


def test_a_second_press_ends_a_deferred_block():
    done = []

    @deferred()
    def bookkeeping():
        press()
        press()
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        bookkeeping()
    assert not done


def test_an_error_of_a_deferred_block_comes_before_the_press():
    @deferred()
    def bookkeeping():
        press()
        raise ValueError("theirs")

    with pytest.raises(ValueError, match="theirs"):
        bookkeeping()


def swallow_press():
    """Stand for an import of a compiled module whose handlers of every exception are bare."""
    with contextlib.suppress(BaseException):
        press()


def test_a_swallowed_press_is_raised_where_the_next_load_begins():
    started = []
    with unmissed():
        swallow_press()
        with pytest.raises(KeyboardInterrupt), graceful(lambda: None, lambda: True):
            started.append(1)
        with graceful(lambda: None, lambda: True):
            started.append(2)
    assert started == [2], "the press was to be raised once, before the block"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_swallowed_press_is_recalled_once():
    with unmissed():
        recall()
        swallow_press()
        swallow_press()
        with pytest.raises(KeyboardInterrupt):
            recall()
        recall()
    swallow_press()
    recall()


def test_a_press_that_nobody_swallows_ends_the_block_at_once():
    reached = []

    def run():
        with unmissed():
            press()
            reached.append(1)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert not reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_presses_in_the_blocks_are_handled_inside_unmissed_too():
    presses = []
    with unmissed():
        remembering = signal.getsignal(signal.SIGINT)
        with graceful(lambda: presses.append(1), lambda: False):
            press()
            assert signal.getsignal(signal.SIGINT) is remembering
        with pytest.raises(KeyboardInterrupt):
            deferred()(press)()
        assert signal.getsignal(signal.SIGINT) is remembering
        recall()
    assert presses == [1]


def test_unmissed_leaves_a_program_alone_that_handles_the_signal_itself():
    theirs = []
    before = signal.signal(signal.SIGINT, lambda *_: theirs.append(1))
    try:
        with unmissed():
            press()
            recall()
        assert theirs == [1]
    finally:
        signal.signal(signal.SIGINT, before)


class Pressing:
    def __del__(self):
        press()


class Failing:
    def __del__(self):
        raise ValueError("theirs")


def test_a_press_that_meets_a_finalizer_is_recalled_and_not_printed(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with unmissed():
        Pressing()
        Failing()
        with pytest.raises(KeyboardInterrupt):
            recall()
    assert [each.exc_type for each in told] == [ValueError]
    assert sys.unraisablehook == told.append
