from __future__ import annotations

import asyncio
import functools
import inspect
from unittest import mock

import pytest

from latprof.errors import UsageError
from latprof.recording import core
from latprof.recording.wrapping import is_coroutine_function, wrap


def lengths(recording):
    return [(row["stage"], row["end_ns"] - row["start_ns"]) for row in recording.spans()]


# ---------------------------------------------------------------- what is timed


def test_a_plain_function(recording):
    @recording.stage("tokenize")
    def tokenize(text, *, upper=False):
        recording.clock.advance(70)
        return text.upper() if upper else text

    assert tokenize("good", upper=True) == "GOOD"
    assert lengths(recording) == [("tokenize", 70)]


def test_a_coroutine_is_timed_until_it_is_done_not_until_it_is_made(recording):
    @recording.stage("fetch")
    async def fetch(key):
        recording.clock.advance(5)
        await asyncio.sleep(0)
        recording.clock.advance(6)
        return key

    coroutine = fetch("a")
    recording.clock.advance(1_000)
    assert asyncio.run(coroutine) == "a"
    assert lengths(recording) == [("fetch", 11)]


def test_a_generator_is_timed_while_it_produces_and_not_while_its_consumer_works(recording):
    @recording.stage("decode")
    def decode(count):
        for token in range(count):
            recording.clock.advance(10 + token)
            yield token
        recording.clock.advance(3)

    tokens = []
    for token in decode(3):
        recording.clock.advance(1_000)
        tokens.append(token)
    assert tokens == [0, 1, 2]
    assert lengths(recording) == [("decode", 10), ("decode", 11), ("decode", 12), ("decode", 3)]


def test_an_async_generator_is_timed_while_it_produces_its_waits_included(recording):
    @recording.stage("decode")
    async def decode(count):
        for token in range(count):
            recording.clock.advance(10)
            await asyncio.sleep(0)
            recording.clock.advance(token)
            yield token

    async def consume():
        tokens = []
        async for token in decode(3):
            recording.clock.advance(1_000)
            await asyncio.sleep(0)
            tokens.append(token)
        return tokens

    assert asyncio.run(consume()) == [0, 1, 2]
    assert lengths(recording) == [("decode", 10), ("decode", 11), ("decode", 12), ("decode", 0)]


def test_what_a_consumer_does_between_two_items_is_not_inside_the_producer(recording):
    @recording.stage("decode")
    def decode():
        with recording.stage("forward"):
            recording.clock.advance(1)
        yield 1

    for _ in decode():
        with recording.stage("send"):
            recording.clock.advance(1)
    rows = {row["stage"]: row for row in recording.spans() if row["end_ns"] > row["start_ns"]}
    assert rows["send"]["parent_id"] == -1
    assert rows["forward"]["parent_id"] == rows["decode"]["span_id"]


def test_a_recursive_generator_nests(recording):
    @recording.stage("walk")
    def walk(depth):
        recording.clock.advance(1)
        yield depth
        if depth:
            yield from walk(depth - 1)

    assert list(walk(3)) == [3, 2, 1, 0]
    rows = recording.spans()
    assert sum(row["parent_id"] == -1 for row in rows) == 5  # one for each item, one for the end
    assert len(rows) > 5


@pytest.mark.parametrize(
    "failure", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError()]
)
def test_what_it_raises_comes_through_and_marks_its_span(recording, failure):
    def fail():
        raise failure

    async def fail_async():
        raise failure

    def fail_later():
        yield 1
        raise failure

    async def fail_much_later():
        yield 1
        raise failure

    async def consume(producer):
        async for _ in producer:
            pass

    def drive(awaitable):
        with pytest.raises(StopIteration):
            awaitable.send(None)

    for body, call in [
        (fail, lambda f: f()),
        (fail_async, lambda f: drive(f())),
        (fail_later, lambda f: list(f())),
        (fail_much_later, lambda f: drive(consume(f()))),
    ]:
        with pytest.raises(type(failure)) as caught:
            call(recording.stage("x")(body))
        assert caught.value is failure
        assert [row["error"] for row in recording.spans()][-1] == 1


def test_the_end_of_a_generator_is_no_error(recording):
    @recording.stage("decode")
    def decode():
        yield 1

    producer = decode()
    next(producer)
    producer.close()
    list(decode())
    assert {row["error"] for row in recording.spans()} == {0}


def test_a_held_stage_serves_many_functions(recording):
    held = recording.stage("io")
    first, second = (
        held(lambda: recording.clock.advance(1)),
        held(lambda: recording.clock.advance(2)),
    )
    first()
    second()
    assert lengths(recording) == [("io", 1), ("io", 2)]


# ---------------------------------------------------------------- what can be wrapped


class Service:
    @core.stage("plain")
    def plain(self, x):
        return self, x

    @classmethod
    @core.stage("of-class")
    def of_class(cls, x):
        return cls, x

    @core.stage("outside-of-class")
    @classmethod
    def outside_of_class(cls, x):
        return cls, x

    @staticmethod
    @core.stage("static")
    def static(x):
        return x

    @core.stage("outside-static")
    @staticmethod
    async def outside_static(x):
        return x

    @property
    @core.stage("property")
    def value(self):
        return 5


def test_methods_of_every_kind_are_timed_and_stay_what_they_were(in_use):
    service = Service()
    assert service.plain(1) == (service, 1)
    assert service.of_class(1) == Service.of_class(1) == (Service, 1)
    assert service.outside_of_class(1) == Service.outside_of_class(1) == (Service, 1)
    assert service.static(1) == Service.static(1) == 1
    assert asyncio.run(service.outside_static(1)) == 1
    assert service.value == 5
    assert [row["stage"] for row in in_use.spans()] == [
        "plain",
        *["of-class"] * 2,
        *["outside-of-class"] * 2,
        *["static"] * 2,
        "outside-static",
        "property",
    ]


class Plain:
    def __call__(self, x):
        return x


class Async:
    async def __call__(self, x):
        await asyncio.sleep(0)
        return x


class Producing:
    def __call__(self, x):
        yield x


class AsyncProducing:
    async def __call__(self, x):
        yield x


async def collected(produced):
    return [item async for item in produced]


@pytest.mark.parametrize(
    ("callable_", "consume"),
    [
        (len, lambda f: f("four")),
        (functools.lru_cache(lambda x: 4), lambda f: f(1)),
        (functools.partial(max, 4), lambda f: f(2)),
        (functools.partial(functools.partial(Plain(), 4)), lambda f: f()),
        (functools.partial(Async(), 4), lambda f: asyncio.run(f())),
        (functools.partial(Producing(), 4), lambda f: next(f())),
        (Plain(), lambda f: f(4)),
        (Plain().__call__, lambda f: f(4)),
        (Async(), lambda f: asyncio.run(f(4))),
        (Async().__call__, lambda f: asyncio.run(f(4))),
        (mock.AsyncMock(return_value=4), lambda f: asyncio.run(f(1))),
        (Producing(), lambda f: next(iter(f(4)))),
        (AsyncProducing(), lambda f: asyncio.run(collected(f(4)))[0]),
    ],
)
def test_any_callable_is_timed_as_the_kind_that_it_is(recording, callable_, consume):
    held_open = []

    class Seen:  # what the stage is open around
        name = "x"

        def __enter__(self):
            held_open.append(True)

        def __exit__(self, *_):
            held_open.append(False)

    assert consume(recording.stage("any")(callable_)) == 4
    rows = recording.spans()
    assert {row["stage"] for row in rows} == {"any"}
    assert consume(wrap(Seen(), callable_)) == 4
    assert held_open[:2] == [True, False]
    assert len(held_open) == 2 * len(rows)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Async(), True),
        (Async().__call__, True),
        (functools.partial(Async()), True),
        (Plain(), False),
        (len, False),
        (AsyncProducing(), False),
    ],
)
def test_async_callables_are_told_from_others(function, expected):
    assert is_coroutine_function(function) is expected


@pytest.mark.parametrize("thing", [Service, int, 3, "forward", None])
def test_what_is_no_function_is_refused_with_the_way_out(recording, thing):
    with pytest.raises(UsageError, match=r"with latprof.stage\('init'\)"):
        recording.stage("init")(thing)


def test_a_wrapped_function_keeps_name_text_signature_and_kind(recording):
    def plain(a: int, b: str = "x") -> int:
        """What it does."""

    async def coroutine():
        """What it does."""

    def generator():
        """What it does."""
        yield

    async def async_generator():
        """What it does."""
        yield

    kinds = [
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.isfunction,
    ]
    for function in (plain, coroutine, generator, async_generator):
        function.mark = object()
        wrapped = recording.stage("x")(function)
        assert wrapped is not function
        assert wrapped.__wrapped__ is function
        assert wrapped.__name__ == function.__name__
        assert wrapped.__qualname__ == function.__qualname__
        assert wrapped.__doc__ == function.__doc__
        assert wrapped.mark is function.mark
        assert inspect.signature(wrapped) == inspect.signature(function)
        assert [kind(wrapped) for kind in kinds] == [kind(function) for kind in kinds]
