from __future__ import annotations

import functools

import pytest

from latprof.errors import InstrumentError, UsageError
from latprof.recording.instrument import instrument
from latprof.targets.callable import resolve


def plain(value):
    return value


async def coroutine(value):
    return value


async def async_generator(value):
    yield value


class AsyncGenerating:
    async def __call__(self, value):
        yield value


class Service:
    stages = ("tokenize",)

    def tokenize(self, text):
        return text

    def predict(self, text):
        return self.tokenize(text)

    async def answer(self, text):
        return text


class Callable:
    def __call__(self, value):
        return value

    def predict(self, value):
        raise AssertionError("a callable is called")


class AsyncCallable:
    async def __call__(self, value):
        return value


@pytest.mark.parametrize(
    ("target", "name", "is_async"),
    [
        (plain, "plain", False),
        (coroutine, "coroutine", True),
        (functools.partial(plain), "plain", False),
        (functools.partial(functools.partial(coroutine)), "coroutine", True),
        (Service(), "Service", False),
        (Service().predict, "Service.predict", False),
        (Service().answer, "Service.answer", True),
        (Callable(), "Callable", False),
        (AsyncCallable(), "AsyncCallable", True),
        (functools.partial(AsyncCallable()), "AsyncCallable", True),
        (async_generator, "async_generator", True),
        (functools.partial(async_generator), "async_generator", True),
        (AsyncGenerating(), "AsyncGenerating", True),
    ],
)
def test_every_kind_of_target(target, name, is_async):
    resolved = resolve(target)
    assert resolved.name == f"{__name__}.{name}"
    assert resolved.is_async is is_async
    if not is_async:
        assert resolved.call("x") == "x"


def test_names_of_what_has_no_module():
    assert resolve(len).name == "builtins.len"
    assert resolve("".join).name == "str.join"
    assert resolve(lambda value: value).name.endswith("<lambda>")


@pytest.mark.parametrize("value", [3, "text", None, object()])
def test_what_is_no_target_is_refused(value):
    with pytest.raises(UsageError, match="callable of one input, or an object with a method"):
        resolve(value)


def test_the_call_is_the_one_with_hooks():
    service = Service()
    service.stages = ["predict"]
    target = resolve(service)
    with target.instrumented():
        assert target.call is vars(service)["predict"]
    assert "predict" not in vars(service)


def test_hooks_of_the_user_are_left_alone():
    service = Service()
    with instrument(service, {"words": "tokenize"}) as theirs:
        hook = service.tokenize
        with resolve(service).instrumented():
            assert service.tokenize is hook
        assert service.tokenize is hook
        theirs.remove()
    assert vars(service) == {}


@pytest.mark.parametrize("path", ["tokenise", "part.tokenize", "stages"])
def test_a_stage_without_a_method_is_refused(path):
    service = Service()
    service.stages = {"words": path} if path != "stages" else ["stages"]
    with pytest.raises(InstrumentError):
        resolve(service).instrumented()
