"""Planted causes that lie in when requests come: queues, bursts, pauses, batches."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import numpy as np

import latprof as lp

from .case import SECONDS, Arm, planted
from .networks import Dense


class Matcher:
    """A numpy service of about 10 ms, for load that comes by itself."""

    def __init__(self) -> None:
        self.network = Dense(512, 8)

    def prepare(self, seed: int) -> np.ndarray:
        return np.full((96, 512), seed % 5, np.float32)

    def match(self, rows: np.ndarray) -> np.ndarray:
        return self.network(rows)

    def predict(self, seed: int) -> float:
        return float(self.match(self.prepare(seed)).sum())

    @property
    def seconds(self) -> float:
        """What one request takes here and now."""
        taken = []
        for seed in range(40):
            begin = time.perf_counter()
            self.predict(seed)
            taken.append(time.perf_counter() - begin)
        return float(np.mean(taken[10:]))


MATCHER_STAGES = {"prepare": "prepare", "match": "match"}


@planted("queueing", stages=("queue", ""))
def near_saturation(fixed: bool) -> Iterator[Arm]:
    """Requests come at 92 % of what one worker can do; four replicas would share them."""
    service = Matcher()
    busy = 0.23 if fixed else 0.92
    scenario = lp.Poisson(rate=busy / service.seconds, duration=6, workers=1)
    yield Arm(service, MATCHER_STAGES, range(16), scenario)


@planted("queueing", stages=("queue", ""))
def bursts(fixed: bool) -> Iterator[Arm]:
    """Requests come in bursts, at half of what one worker can do on average."""
    service = Matcher()
    rate = 0.5 / service.seconds
    scenario = lp.Gamma(rate=rate, cv=4, duration=6, workers=1)
    spread = lp.Constant(rate=rate / 2, duration=6, workers=1)
    yield Arm(service, MATCHER_STAGES, range(16), spread if fixed else scenario)


class Sleepy:
    """Drops what it holds when it was left alone for a while.

    Args:
        patience_s: After how long without a request.
        wake: How it comes back.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.last_s = time.monotonic()
        self.network = Dense(400, 8)

    def fetch(self, seed: int) -> np.ndarray:
        if time.monotonic() - self.last_s > self.patience_s:
            time.sleep(0.03)  # a new connection: look-up, handshake, authentication
        return np.full((24, 400), seed % 3, np.float32)

    def model(self, rows: np.ndarray) -> np.ndarray:
        return self.network(rows)

    def predict(self, seed: int) -> float:
        answer = float(self.model(self.fetch(seed)).mean())
        self.last_s = time.monotonic()
        return answer


@planted("idle_wakeup", stages=("fetch", ""), gain=0.99)
def connection_dropped(fixed: bool) -> Iterator[Arm]:
    """After 150 ms without a request a connection is closed, and must be made anew."""
    service = Sleepy(1e9 if fixed else 0.15)
    scenario = lp.IdleSweep(gaps=[0, 0, 0.01, 0.03, 0.3], duration=6)
    yield Arm(service, {"fetch": "fetch", "model": "model"}, range(16), scenario)


class Unloaded(Sleepy):
    """Frees the weights while nobody asks, and computes them again."""

    def fetch(self, seed: int) -> np.ndarray:
        return np.full((24, 400), seed % 3, np.float32)

    def model(self, rows: np.ndarray) -> np.ndarray:
        if time.monotonic() - self.last_s > self.patience_s:
            self.network = Dense(400, 8)
        return self.network(rows)


@planted("idle_wakeup", stages=("model", ""))
def weights_freed(fixed: bool) -> Iterator[Arm]:
    """After 200 ms without a request the weights are freed, and must be made again."""
    service = Unloaded(1e9 if fixed else 0.2)
    scenario = lp.Poisson(rate=6, duration=10)
    yield Arm(service, {"fetch": "fetch", "model": "model"}, range(16), scenario)


@planted("rate_drift", stages=("queue", ""))
def rate_spike(fixed: bool) -> Iterator[Arm]:
    """For a second and a half, twice as many requests come as one worker can serve."""
    service = Matcher()
    rate = 0.25 / service.seconds
    steady = lp.Poisson(rate=rate, duration=7, workers=1)
    spike = lp.Spike(rate, 2 / service.seconds, width=1.2, at=3, duration=7, workers=1)
    yield Arm(service, MATCHER_STAGES, range(16), steady if fixed else spike)


@planted("rate_drift", stages=("queue", ""))
def rate_step(fixed: bool) -> Iterator[Arm]:
    """Half-way the rate goes from a quarter to more than what one worker can serve."""
    service = Matcher()
    unit = 1 / service.seconds
    steady = lp.Poisson(rate=0.25 * unit, duration=7, workers=1)
    step = lp.Step([(0.25 * unit, 3.5), (1.15 * unit, 3.5)], workers=1)
    yield Arm(service, MATCHER_STAGES, range(16), steady if fixed else step)


class BatchScorer:
    """A numpy model that takes a list of requests."""

    def __init__(self) -> None:
        self.network = Dense(512, 8)

    def collate(self, seeds: list[int]) -> np.ndarray:
        return np.repeat(np.array(seeds, np.float32)[:, None], 512, axis=1).repeat(8, axis=0)

    def run(self, rows: np.ndarray) -> np.ndarray:
        return self.network(rows)

    def predict(self, seeds: list[int]) -> list[float]:
        rows = self.run(self.collate(seeds))
        return [float(each.sum()) for each in np.split(rows, len(seeds))]


BATCH_STAGES = {"collate": "collate", "run": "run"}


@planted("batching_delay", stages=("queue", ""), gain=0.5)
def waits_for_a_full_batch(fixed: bool) -> Iterator[Arm]:
    """A batcher waits 25 ms for 16 requests where three users never send as many."""
    service = BatchScorer()
    target = lp.Batcher(service, max_batch=16, max_delay_ms=0 if fixed else 25)
    yield Arm(service, BATCH_STAGES, range(16), lp.Concurrent(3, duration=SECONDS), target)


@planted("batching_delay", stages=("queue", ""), gain=0.5)
def waits_alone(fixed: bool) -> Iterator[Arm]:
    """A batcher waits 12 ms for others at a rate at which hardly any come."""
    service = BatchScorer()
    target = lp.Batcher(service, max_batch=8, max_delay_ms=0 if fixed else 12)
    scenario = lp.Poisson(rate=12, duration=6, workers=16)
    yield Arm(service, BATCH_STAGES, range(16), scenario, target)


class OwnBatcher:
    """Gathers requests by a thread of its own, which nobody outside can see.

    Args:
        delay_s: How long the first one waits for others.
    """

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.scorer = BatchScorer()
        self.waiting: queue.SimpleQueue[tuple[int, futures.Future[float]] | None] = (
            queue.SimpleQueue()
        )
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def close(self) -> None:
        self.waiting.put(None)
        self.thread.join()

    def serve(self) -> None:
        while (first := self.waiting.get()) is not None:
            batch, until_s = [first], time.monotonic() + self.delay_s
            while len(batch) < 16 and (left_s := until_s - time.monotonic()) > 0:
                try:
                    following = self.waiting.get(timeout=left_s)
                except queue.Empty:
                    break
                if following is None:
                    return
                batch.append(following)
            for (_, answer), score in zip(
                batch, self.scorer.predict([seed for seed, _ in batch]), strict=True
            ):
                answer.set_result(score)

    def check(self, seed: int) -> int:
        return sum(index * seed for index in range(500)) % 7

    def score(self, seed: int) -> float:
        answer: futures.Future[float] = futures.Future()
        self.waiting.put((seed, answer))
        return answer.result()

    def predict(self, seed: int) -> float:
        return self.score(self.check(seed))


@planted("batching_delay", stages=("score", ""), gain=0.5)
def gathers_for_too_long(fixed: bool) -> Iterator[Arm]:
    """A thread of the service gathers requests for 40 ms, though 60 a second are soon served."""
    service = OwnBatcher(0.0 if fixed else 0.04)
    try:
        scenario = lp.Poisson(rate=60, duration=SECONDS, workers=16)
        yield Arm(service, {"check": "check", "score": "score"}, range(16), scenario)
    finally:
        service.close()
