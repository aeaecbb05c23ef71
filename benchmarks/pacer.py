"""How late requests of an open loop leave, beside busy processes, against other load generators.

    pip install "latprof[bench]" && python benchmarks/pacer.py

Poisson arrivals at 1 000 and 5 000 a second, a target that does nothing, beside 0, 2 and 4
processes that never sleep. Each contender runs in a process of its own, and they take turns.
Lateness is

- latprof, pacer: `sent - intended` of an isolated target; what its worker wakes up later is shown
  as well, as `started - intended`
- latprof, in-process: `started - intended`
- LoadGen Server: its own `issue_delay`, scheduled instant to issue
- asyncio: a task that sleeps to each instant of the same plan
- Locust, 10 users with `constant_throughput`: it has no plan, so each gap over its interval is
  taken, which forgives it all that adds up

The pacer asks for SCHED_FIFO, the others run as they come: its name says what it was granted, which
without root or CAP_SYS_NICE is SCHED_OTHER. How it does without is measured as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import latprof as lp
from figures import Figure, report
from rounds import interleaved, spread

RATES = (1_000, 5_000)
BUSY = (0, 2, 4)
OURS = "latprof, pacer"
WORKER = "latprof, pacer, started by its worker"
LOCUST_USERS = 10
Sample = dict[str, dict[str, float]]


def nothing(_value: object) -> None:
    """The target."""


def quantiles(late_ns: object) -> dict[str, float]:
    p50, p99 = np.quantile(np.asarray(late_ns, float), [0.5, 0.99]) / 1e3
    return {"p50": float(p50), "p99": float(p99)}


def isolated(rate: int, seconds: float, *, realtime: bool) -> tuple[str, lp.Run]:
    scenario = lp.Poisson(rate, duration=seconds)
    target = f"{Path(__file__).absolute()}:nothing"
    isolate = lp.Isolation(realtime=realtime)
    run = lp.profile(target, [0], scenario, isolate=isolate, progress=False)
    return f"{OURS} ({run.manifest['driver']['scheduling']})", run


def pacer(rate: int, seconds: float) -> Sample:
    name, run = isolated(rate, seconds, realtime=True)
    requests = run.requests
    return {
        name: quantiles(requests.sent_ns - requests.intended_ns),
        WORKER: quantiles(requests.started_ns - requests.intended_ns),
    }


def usual(rate: int, seconds: float) -> Sample:
    name, run = isolated(rate, seconds, realtime=False)
    return {f"{name}, not asking": quantiles(run.requests.sent_ns - run.requests.intended_ns)}


def in_process(rate: int, seconds: float) -> Sample:
    run = lp.profile(nothing, [0], lp.Poisson(rate, duration=seconds), progress=False)
    return {"latprof, in-process": quantiles(run.requests.started_ns - run.requests.intended_ns)}


def loadgen(rate: int, seconds: float) -> Sample:
    import driver

    driver.RATE = rate
    _, trace = driver.loadgen_test("Server", round(rate * seconds), trace=True)
    events = (json.loads(line.rstrip().rstrip(",")) for line in trace if '"issue_delay"' in line)
    return {"LoadGen Server": quantiles([event["args"]["issue_delay"] for event in events])}


def plain_asyncio(rate: int, seconds: float) -> Sample:
    offsets = lp.Poisson(rate, duration=seconds).plan(1, 0).offsets.tolist()
    late_ns = []

    async def send() -> None:
        origin_ns = time.perf_counter_ns() + 10_000_000
        for offset in offsets:
            due_ns = origin_ns + offset
            while (left_ns := due_ns - time.perf_counter_ns()) > 0:
                await asyncio.sleep(left_ns / 1e9)
            late_ns.append(time.perf_counter_ns() - due_ns)
            nothing(0)

    asyncio.run(send())
    return {"asyncio": quantiles(late_ns)}


def locust(rate: int, seconds: float) -> Sample:
    import gevent
    from locust import User, constant_throughput, task
    from locust.env import Environment

    each = rate / LOCUST_USERS
    late_ns: list[float] = []

    class Paced(User):
        wait_time = constant_throughput(each)
        before_ns = 0

        @task
        def send(self) -> None:
            now_ns = time.perf_counter_ns()
            if self.before_ns:
                late_ns.append(max(0.0, now_ns - self.before_ns - 1e9 / each))
            self.before_ns = now_ns

    runner = Environment(user_classes=[Paced]).create_local_runner()
    runner.start(LOCUST_USERS, spawn_rate=1_000)
    gevent.sleep(seconds)
    runner.quit()
    return {"Locust": quantiles(late_ns)}


CONTENDERS: dict[str, Callable[[int, float], Sample]] = {
    "pacer": pacer,
    "usual": usual,
    "in_process": in_process,
    "loadgen": loadgen,
    "locust": locust,
    "asyncio": plain_asyncio,
}


def apart(contender: str, rate: int, seconds: float) -> Callable[[], Sample]:
    """Return a contender's turn, in a process of its own."""

    def turn() -> Sample:
        command = [sys.executable, __file__, "--turn", contender, str(rate), str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this script
        sample: Sample = json.loads(done.stdout.splitlines()[-1])
        return sample

    return turn


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep processes busy beside a block."""
    spin = [sys.executable, "-S", "-c", "while True: pass"]
    hogs = [subprocess.Popen(spin) for _ in range(count)]  # noqa: S603 - as it stands above
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    rounds, seconds = (1, 1.0) if quick else (3, 2.0)
    for rate in RATES:
        for count in BUSY:
            with busy(count):
                turns = {name: apart(name, rate, seconds) for name in CONTENDERS}
                samples = interleaved(turns, rounds)
            yield from row(f"{rate:,}/s, {count} busy", list(samples.values()))


def row(title: str, turns: list[list[Sample]]) -> Iterator[Figure]:
    names = [name for samples in turns for name in samples[0]]
    values = {
        name: [each[name] for samples in turns for each in samples if name in each]
        for name in names
    }
    ours = next(name for name in names if name.startswith(OURS) and name != WORKER)
    others = [name for name in names if not name.startswith("latprof")]
    for key in ("p50", "p99"):
        found = {name: spread(each[key] for each in values[name]) for name in names}
        best = min(found[name].median for name in others)
        for name in names:
            target = {"at_most": best} if name == ours else {}
            yield Figure.of(f"{title}: {key}, {name}", found[name], "µs", **target)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--turn"]:
        print(json.dumps(CONTENDERS[sys.argv[2]](int(sys.argv[3]), float(sys.argv[4]))))
    else:
        report(__doc__, measure)
