"""What signals cost: the share of a core that sampling takes, with and without, side by side.

The process sleeps, so that the CPU time that it takes is that of the recording alone.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import latprof as lp
from figures import Figure, report
from latprof.signals.garbage import Garbage
from rounds import interleaved, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS, SECONDS = 8, 4.0
MOST_OF_A_CORE = 0.5  # percent
COLLECTIONS = 20_000


def cpu_share(seconds: float, *, signals: bool) -> float:
    """Return the percentage of a core that an idle process takes while it is recorded."""
    with lp.record(signals=signals):
        time.sleep(0.2)  # the start is not what a second costs
        began_s, used_s = time.perf_counter(), time.process_time()
        time.sleep(seconds)
        used_s = time.process_time() - used_s
        return 100 * used_s / (time.perf_counter() - began_s)


def collection_us(count: int, *, heard: bool) -> float:
    """Return how long a collection of the youngest generation takes, in microseconds."""
    garbage = Garbage()
    if heard:
        garbage.start()
    began_ns = time.perf_counter_ns()
    for _ in range(count):
        gc.collect(0)
    taken_ns = time.perf_counter_ns() - began_ns
    garbage.stop()
    return taken_ns / count / 1e3


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    rounds, seconds = (3, 2.0) if quick else (ROUNDS, SECONDS)
    shares = interleaved(
        {
            "with": lambda: cpu_share(seconds, signals=True),
            "without": lambda: cpu_share(seconds, signals=False),
        },
        rounds,
    )
    added = [a - b for a, b in zip(shares["with"], shares["without"], strict=True)]
    yield Figure.of("recording without signals", spread(shares["without"]), "% of a core")
    yield Figure.of(
        "signals add",
        spread(added),
        "% of a core",
        at_most=MOST_OF_A_CORE,
        note="samples once a second, 50 heartbeats",
    )
    times = interleaved(
        {
            "heard": lambda: collection_us(COLLECTIONS, heard=True),
            "alone": lambda: collection_us(COLLECTIONS, heard=False),
        },
        rounds,
    )
    added = [a - b for a, b in zip(times["heard"], times["alone"], strict=True)]
    yield Figure.of("a collection takes longer by", spread(added), "us")


if __name__ == "__main__":
    report(__doc__, measure)
