"""Items: what a target yields, taken inside its request, each step a span.

The step from the start of a generator to its first item is a span of the stage `first_item`, each
further step one of `next_item`; stages of the producer lie inside them. The last step of a stream
that ends by itself yields nothing: k items are k + 1 spans. What is yielded is let go at once, and
the number of items becomes the attribute `items` of the request, unless that was closed before
(beyond its timeout, or by Ctrl-C): then only its spans tell how far it came.
"""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, NoReturn

from latprof.errors import TargetError
from latprof.recording import core
from latprof.recording.request import annotate
from latprof.run.vocabulary import FIRST_ITEM, NEXT_ITEM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from latprof.load.crew import Server

__all__ = ["LAZY", "consume", "consume_async"]

LAZY = frozenset((CoroutineType, GeneratorType, AsyncGeneratorType))
"""What a call can return before it has done anything."""

_FIRST, _NEXT = core.stage(FIRST_ITEM), core.stage(NEXT_ITEM)


def consume(answer: Any, server: Server) -> None:
    """Take all items of a generator, for as long as the request is open; then close it.

    Args:
        answer: One of `LAZY`, as the target returned it.
        server: Who sent the request. A request that is closed for it meanwhile (beyond its
            timeout, or by Ctrl-C) ends the stream at its next item.

    Raises:
        TargetError: It is no generator but a promise, whose time would be that of doing nothing.
        BaseException: Whatever the generator raises.
    """
    if answer.__class__ is not GeneratorType:
        _refuse(answer)
    producer: Generator[Any, Any, Any] = answer
    request, stage, count = server.request, _FIRST, 0
    try:
        while server.request is request:
            with stage:
                next(producer)
            stage = _NEXT
            count += 1
    except StopIteration:
        pass
    finally:
        annotate(items=count)
        producer.close()


async def consume_async(answer: Any, server: Server) -> None:
    """Take all items of an async generator, or of a generator that a coroutine has returned.

    A plain generator runs on the event loop and blocks it between its items, as it would if the
    coroutine itself took them. For the rest see `consume`.
    """
    if answer.__class__ is not AsyncGeneratorType:
        consume(answer, server)
        return
    producer: AsyncGenerator[Any, Any] = answer
    request, stage, count = server.request, _FIRST, 0
    try:
        while server.request is request:
            with stage:
                await anext(producer)
            stage = _NEXT
            count += 1
    except StopAsyncIteration:
        pass
    finally:
        annotate(items=count)
        await producer.aclose()


def _refuse(answer: Any) -> NoReturn:
    """Raise for what cannot be consumed where it was returned."""
    if isinstance(answer, CoroutineType):
        answer.close()
        kind, step = "a coroutine", "make the target an async def that awaits it"
    else:
        kind, step = "an async generator", "make the target an async def, for an event loop"
    raise TargetError(f"the target returned {kind}, which has not done anything yet: {step}")
