from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.recording import core
from latprof.recording.wrapping import wrap

VALUES = st.integers(0, 3)
FAILURES = st.sampled_from([ValueError, StopIteration, StopAsyncIteration, GeneratorExit, KeyError])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("yield"), VALUES),
        st.tuples(st.just("catch, then yield"), VALUES),
        st.tuples(st.just("catch, then return"), VALUES),
        st.tuples(st.just("catch, then raise"), FAILURES),
        st.tuples(st.just("pause"), VALUES),
        st.tuples(st.just("raise"), FAILURES),
        st.tuples(st.just("return"), VALUES),
    ),
    max_size=6,
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.none() | VALUES),
        st.tuples(st.just("throw"), FAILURES),
        st.tuples(st.just("close"), st.none()),
    ),
    max_size=8,
)


# Some scripts refuse to be closed; Python says so when it throws them away.
ignores_close = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def scripted(steps, log):
    """A generator that does what `steps` say and logs what reaches it."""
    try:
        for step, value in steps:
            if step == "yield":
                log.append((yield value))
            elif step.startswith("catch"):
                try:
                    log.append((yield "trying"))
                except BaseException as error:  # noqa: BLE001 - a script may catch anything
                    log.append(("caught", type(error), error.args))
                    if step.endswith("return"):
                        return value
                    if step.endswith("raise"):
                        raise value("from the handler") from None
                    log.append((yield value))
            elif step == "raise":
                raise value("from the script")
            elif step == "return":
                return value
    finally:
        log.append("left")


class Pause:
    def __await__(self):
        yield "pause"


async def scripted_async(steps, log):
    try:
        for step, value in steps:
            if step == "yield":
                log.append((yield value))
            elif step.startswith("catch"):
                try:
                    log.append((yield "trying"))
                except BaseException as error:  # noqa: BLE001 - a script may catch anything
                    log.append(("caught", type(error), error.args))
                    await Pause()
                    if step.endswith("return"):
                        return
                    if step.endswith("raise"):
                        raise value("from the handler") from None
                    log.append((yield value))
            elif step == "pause":
                await Pause()
            elif step == "raise":
                raise value("from the script")
            elif step == "return":
                return
    finally:
        log.append("left")


def outcome(resume, producer, action, value):
    try:
        return ("gave", resume(producer, action, value))
    except BaseException as error:  # noqa: BLE001 - whatever comes is compared
        value = error.value if isinstance(error, StopIteration) else None
        return ("raised", type(error), str(error), value)


def finished(awaitable):
    """Run a coroutine that waits for nothing but pauses."""
    steps = awaitable.__await__()
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def story(producer, log, actions, resume):
    answers = [outcome(resume, producer, *action) for action in [*actions, ("close", None)]]
    return answers, log


def resume(producer, action, value):
    if action == "close":
        return producer.close()
    if action == "throw":
        return producer.throw(value("from the consumer"))
    return producer.send(value)


def resume_async(producer, action, value):
    if action == "close":
        return finished(producer.aclose())
    if action == "throw":
        return finished(producer.athrow(value("from the consumer")))
    return finished(producer.asend(value))


@ignores_close
@given(STEPS, ACTIONS)
def test_a_generator_answers_as_it_would_by_itself(steps, actions):
    plain, staged = [], []
    expected = story(scripted(steps, plain), plain, actions, resume)
    wrapped = wrap(core.stage("x"), scripted)
    answers = story(wrapped(steps, staged), staged, actions, resume)
    assert answers == expected


@ignores_close
@given(STEPS, ACTIONS)
def test_an_async_generator_answers_as_it_would_by_itself(steps, actions):
    plain, staged = [], []
    expected = story(scripted_async(steps, plain), plain, actions, resume_async)
    wrapped = wrap(core.stage("x"), scripted_async)
    answers = story(wrapped(steps, staged), staged, actions, resume_async)
    assert answers == expected


def test_the_very_exception_that_is_thrown_reaches_the_producer(recording):
    thrown, caught = ValueError(), []

    @recording.stage("x")
    def produce():
        try:
            yield 1
        except ValueError as error:
            caught.append(error)
            yield 2

    producer = produce()
    next(producer)
    assert producer.throw(thrown) == 2
    assert caught[0] is thrown


def test_an_abandoned_generator_lets_its_producer_clean_up(recording):
    left = []

    @recording.stage("x")
    def produce():
        try:
            yield 1
        finally:
            left.append(True)

    producer = produce()
    next(producer)
    del producer
    assert left == [True]
    with recording.stage("after"):
        pass
    assert recording.spans()[-1]["parent_id"] == -1


def test_a_generator_that_was_thrown_at_leaves_no_cycle_behind(recording):
    class OwnError(Exception):
        pass

    def produce():
        yield 1

    def throw(producer):
        next(producer)
        try:
            producer.throw(OwnError())
        except OwnError as failure:
            return weakref.ref(failure)

    gc.disable()
    try:
        assert throw(produce())() is None
        assert throw(recording.stage("x")(produce)())() is None
    finally:
        gc.enable()
