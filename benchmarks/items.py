"""What an item of a stream costs: a generator that does nothing, consumed in a request.

    python benchmarks/items.py

The time of a profiled stream over its items, against a bare loop over the same generator; both in
turn, and the ratio of each round. What is added to an item is what a stage costs, and no more.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal

import latprof as lp
from figures import Figure, report
from rounds import interleaved, ratio, spread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable

REQUESTS = 20


def stream(count: int) -> Generator[int, None, None]:
    """The target."""
    yield from range(count)


async def stream_async(count: int) -> AsyncGenerator[int, None]:
    """The target of an event loop; it never suspends."""
    for index in range(count):
        yield index


def bare(items: int) -> float:
    begun_ns = time.perf_counter_ns()
    for _ in range(REQUESTS):
        for _item in stream(items):
            pass
    return (time.perf_counter_ns() - begun_ns) / (REQUESTS * items)


def bare_async(items: int) -> float:
    async def main() -> float:
        begun_ns = time.perf_counter_ns()
        for _ in range(REQUESTS):
            async for _item in stream_async(items):
                pass
        return (time.perf_counter_ns() - begun_ns) / (REQUESTS * items)

    return asyncio.run(main())


def profiled(target: Any, items: int, probe: Literal["full", "wall"]) -> float:
    scenario = lp.SingleStream(requests=REQUESTS)
    run = lp.profile(target, [items], scenario, probe=probe, signals=False, progress=False)
    assert run.requests["attr.items"].eq(items).all()
    service_ns = run.requests.finished_ns - run.requests.started_ns
    return float(service_ns.mean()) / items


def measure(quick: bool) -> Iterable[Figure]:  # noqa: FBT001 - what `report` calls
    items, rounds = (2_000, 3) if quick else (10_000, 15)
    contenders: dict[str, Callable[[], float]] = {
        "bare loop": lambda: bare(items),
        "profiled, wall": lambda: profiled(stream, items, "wall"),
        "profiled, full": lambda: profiled(stream, items, "full"),
        "bare async loop": lambda: bare_async(items),
        "profiled async, wall": lambda: profiled(stream_async, items, "wall"),
        "profiled async, full": lambda: profiled(stream_async, items, "full"),
    }
    samples = interleaved(contenders, rounds)
    for name, values in samples.items():
        yield Figure.of(f"{name}: an item", spread(values), "ns")
        base = samples["bare async loop" if "async" in name else "bare loop"]
        if values is not base:
            yield Figure.of(f"{name} / bare", ratio(values, base), "x")
            added = [value - other for value, other in zip(values, base, strict=True)]
            yield Figure.of(f"{name}: added to an item", spread(added), "ns")


if __name__ == "__main__":
    report(__doc__, measure)
