"""Thirty-six million requests, 10 000 a second for an hour: memory, disk and time.

    python benchmarks/requests_scale.py [--quick] [--json]

A closed loop on a simulated service, through `latprof.profile`: only its time is made up, so the
hour goes by in minutes, and each request takes the way of a real one, to a file and to Parquet. It
rests a millisecond after each thousand requests: of the hour, the recorder's thread would have most
for itself; in minutes, beside a loop that never lets go, it writes late, and rows that wait for it
hide whether anything grows. An open loop holds its plan besides, 8 bytes a request from its begin.

Each step runs in a process of its own. While one records, this process watches from outside: twenty
times a second it reads the memory of the other and the size of its spool. The spool tells where the
recording is: it grows until the recording ends, and finishing begins. Memory that grows with the
number of requests shows in the median over a quarter; the most of all tells what a burst takes.

At last a target that does nothing is called in a closed loop, on one core for all threads, its
recorder's too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from figures import Figure, report
from rounds import spread
from steps import outcome, start, take

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS, QUICK_REQUESTS = 36_000_000, 2_000_000
NO_OPS, QUICK_NO_OPS = 2_000_000, 200_000
WATCH_S = 0.05
REST_EVERY, REST_S = 1_000, 0.001
MIB = 2**20


# ------------------------------------------------------------ steps, in children


def record(folder: str, requests: str) -> dict[str, float]:
    """Record a closed loop in virtual time; 36 million requests of 0.1 ms are an hour."""
    import latprof as lp
    from latprof.testing import ExponentialTime, SimulatedService

    class Rested(SimulatedService):
        calls = 0

        def __call__(self, value: object) -> object:
            self.calls += 1
            if self.calls % REST_EVERY == 0:
                time.sleep(REST_S)
            return super().__call__(value)

    service = Rested(ExponentialTime(mean_s=1e-4))
    begun_s = time.perf_counter()
    load = lp.SingleStream(requests=int(requests))
    run = lp.profile(service, [None], load, out=folder, progress=False)
    seconds = time.perf_counter() - begun_s
    assert run.manifest["counts"]["requests"] == int(requests)
    assert run.manifest["counts"]["overflow"] == 0
    return {"seconds": seconds}


def latency(folder: str) -> dict[str, float]:
    """Time a percentile with its interval, first imports included."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_s = time.perf_counter()
    found = run.latency(q=0.99)
    seconds = time.perf_counter() - begun_s
    assert found.reliable
    return {"seconds": seconds}


def drive(requests: str) -> dict[str, float]:
    """Send to a target that does nothing, all threads on one core."""
    import latprof as lp

    with contextlib.suppress(AttributeError):  # not on every system
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    run = lp.profile(_nothing, [None], lp.SingleStream(requests=int(requests)), progress=False)
    sent = run.requests
    wall_ns = int(sent.finished_ns.iloc[-1] - sent.started_ns.iloc[0])
    return {"rate": len(sent) / wall_ns * 1e9}


def _nothing(_value: object) -> None:
    pass


# --------------------------------------------------------- watching from outside


class Sample(NamedTuple):
    """What could be seen of a recording at one instant."""

    time_ns: int
    memory_bytes: int
    spool_bytes: int


def watched(folder: Path, requests: int) -> tuple[dict[str, Any], list[Sample]]:
    process = start(__file__, "record", str(folder), str(requests))
    samples, seen = [], psutil.Process(process.pid)
    spool = folder / "requests.arrows"
    while process.poll() is None:
        with contextlib.suppress(OSError, psutil.Error):
            memory_bytes = seen.memory_info().rss
            spool_bytes = spool.stat().st_size
            samples.append(Sample(time.perf_counter_ns(), memory_bytes, spool_bytes))
        time.sleep(WATCH_S)
    return outcome(process), samples


def memory(samples: list[Sample], begin: float, end: float) -> list[int]:
    """Return the memory while the spool grew from one part of its final size to another."""
    whole = samples[-1].spool_bytes
    return [one.memory_bytes for one in samples if begin * whole < one.spool_bytes <= end * whole]


# ---------------------------------------------------------------------- figures


def recording_figures(folder: Path, requests: int) -> Iterator[Figure]:
    done, samples = watched(folder, requests)
    whole = samples[-1].spool_bytes
    recording = [one for one in samples if one.spool_bytes < whole]
    finishing = [one for one in samples if one.spool_bytes == whole]
    first, last = median(memory(recording, 0, 0.25)), median(memory(recording, 0.75, 1))
    note = f"{requests:,} requests"
    yield Figure("recording, memory, first quarter", first / MIB, "MiB", note=note)
    yield Figure("recording, memory, last quarter", last / MIB, "MiB")
    yield Figure("recording, last / first quarter", last / first, "x", at_most=1.05)
    yield Figure("recording, most memory", max(memory(recording, 0, 1)) / MIB, "MiB")
    yield Figure("finishing, peak of memory", done["peak_bytes"] / MIB, "MiB")
    yield Figure("finishing, a request", (done["peak_bytes"] - last) / requests, "B")
    taken_s = (recording[-1].time_ns - samples[0].time_ns) / 1e9
    yield Figure("recording, time", taken_s, "s")
    yield Figure("recording, a request", taken_s / requests * 1e9, "ns")
    yield Figure("finishing, time", (finishing[-1].time_ns - finishing[0].time_ns) / 1e9, "s")
    yield Figure("on disk while recording", whole / requests, "B/request")
    packed = sum(file.stat().st_size for file in folder.iterdir())
    yield Figure("on disk, the finished run", packed / requests, "B/request")
    yield Figure("on disk, most at a time", (whole + packed) / 2**30, "GiB")


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        yield from recording_figures(folder, QUICK_REQUESTS if quick else REQUESTS)
        found = outcome(start(__file__, "latency", str(folder)))
        yield Figure("p99 with its interval, time", found["seconds"], "s")
        yield Figure("p99 with its interval, peak of memory", found["peak_bytes"] / MIB, "MiB")
    count = str(QUICK_NO_OPS if quick else NO_OPS)
    rates = [outcome(start(__file__, "drive", count))["rate"] for _ in range(3 if quick else 9)]
    yield Figure.of("no-op requests, one core", spread(rates), "/s", at_least=100_000)


if __name__ == "__main__":
    if not take({"record": record, "latency": latency, "drive": drive}):
        report(str(__doc__), measure)
