"""Planted causes of the family `code`: locks, the GIL, collections, plain slow stages."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

import latprof as lp
from latprof.demo.service import SentimentService

from .case import SECONDS, Arm, planted
from .data import DEMO, DEMO_STAGES
from .infrastructure import SCORER_STAGES, Scorer
from .networks import Dense, onnx_mlp
from .surroundings import beside
from .texts import lengths, texts


@planted("gil_contention", gain=0.99)
def metrics_thread(fixed: bool) -> Iterator[Arm]:
    """A thread that aggregates metrics in plain Python never rests, beside a plain pipeline."""
    with contextlib.ExitStack() as stack:
        if not fixed:
            stack.enter_context(beside(lambda: sum(each * each for each in range(5000))))
        yield Arm(Scorer(), SCORER_STAGES, texts(lengths(3000, 4500)))


@planted("gil_contention", gain=0.5, needs=DEMO)
def logging_threads(fixed: bool) -> Iterator[Arm]:
    """Two threads format records for a log all the time, beside a model in ONNX Runtime."""
    record = {"values": list(range(50)), "name": "request"}
    with contextlib.ExitStack() as stack:
        if not fixed:
            step = lambda: [f"{key}={value!r}" for key, value in record.items()]  # noqa: E731
            stack.enter_context(beside(step, 2))
        yield Arm(SentimentService(), DEMO_STAGES, texts(lengths(60, 110)))


@planted("gil_contention", "slow_stage", stages=("score", "count", "split", ""))
def four_workers_in_python(fixed: bool) -> Iterator[Arm]:
    """Four users at once of a pipeline in plain Python: threads take turns, not cores."""
    scenario = lp.Concurrent(1 if fixed else 4, duration=SECONDS)
    yield Arm(Scorer(), SCORER_STAGES, texts(lengths(1500, 2500)), scenario)


class Locked(SentimentService):
    """The demo with a lock around the whole request that no stage covers."""

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self.lock = lock

    def predict(self, text: str) -> dict[str, Any]:
        with self.lock:
            return super().predict(text)


@planted("lock_contention", stages=("untracked",), needs=DEMO)
def lock_before_the_stages(fixed: bool) -> Iterator[Arm]:
    """A lock is held from before the first stage until the answer; the session needs none."""
    service = Locked(contextlib.nullcontext() if fixed else threading.Lock())
    scenario = lp.Concurrent(3, duration=SECONDS)
    yield Arm(service, DEMO_STAGES, texts(lengths(200, 300)), scenario)


@planted("lock_contention", stages=("untracked",), needs=DEMO)
def lock_and_users_who_pause(fixed: bool) -> Iterator[Arm]:
    """The same lock, under users who pause between requests, so that it goes round among them."""
    service = Locked(contextlib.nullcontext() if fixed else threading.Lock())
    scenario = lp.Concurrent(4, think=0.004, duration=SECONDS)
    yield Arm(service, DEMO_STAGES, texts(lengths(200, 300)), scenario)


class Remote:
    """Asks a model on another machine, 6 ms away, with one request at a time or with all."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def pack(self, text: str) -> bytes:
        return json.dumps({"text": text.split()}).encode()

    def ask(self, body: bytes) -> int:
        time.sleep(0.006)
        return len(body)

    def predict(self, text: str) -> int:
        body = self.pack(text)
        with self.lock:
            return self.ask(body)


@planted("lock_contention", stages=("untracked",), gain=0.5, innocent=("blocking_call",))
def one_connection_for_all(fixed: bool) -> Iterator[Arm]:
    """Five workers share one connection, and wait for it between two stages."""
    service = Remote(contextlib.nullcontext() if fixed else threading.Lock())
    scenario = lp.Concurrent(5, duration=SECONDS)
    yield Arm(service, {"pack": "pack", "ask": "ask"}, texts(lengths(60, 110)), scenario)


class Logged:
    """Scores with numpy, and logs the answer under a lock that is held while it is written."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.network = Dense(320, 6)

    def score(self, seed: int) -> np.ndarray:
        return self.network(np.full((32, 320), seed % 3, np.float32))

    def answer(self, rows: np.ndarray) -> float:
        with self.lock:
            time.sleep(0.004)  # the disk
        return float(rows.mean())

    def predict(self, seed: int) -> float:
        return self.answer(self.score(seed))


@planted("lock_contention", stages="answer", gain=0.5, innocent=("blocking_call",))
def log_under_a_lock(fixed: bool) -> Iterator[Arm]:
    """Six workers write to one log, each holding its lock while the disk takes 4 ms."""
    service = Logged(contextlib.nullcontext() if fixed else threading.Lock())
    scenario = lp.Concurrent(6, duration=SECONDS)
    yield Arm(service, {"score": "score", "answer": "answer"}, range(16), scenario)


class Catalogue:
    """Holds a million objects, and makes thousands a request that live for a while."""

    def __init__(self) -> None:
        self.items = [[index, [index]] for index in range(500_000)]
        self.recent: deque[list[list[int]]] = deque(maxlen=60)

    def gather(self, seed: int) -> list[list[int]]:
        found = [[index, seed] for index in range(4000)]
        self.recent.append(found)
        return found

    def order(self, found: list[list[int]]) -> int:
        return sum(first * second for first, second in found) % 1000

    def predict(self, seed: int) -> int:
        return self.order(self.gather(seed))


@planted("gc_pauses", gain=0.99)
def million_live_objects(fixed: bool) -> Iterator[Arm]:
    """Full collections walk over a million objects that never die; they could be frozen."""
    service = Catalogue()
    before = gc.get_threshold()
    if fixed:
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
    try:
        stages = {"gather": "gather", "order": "order"}
        yield Arm(service, stages, range(64), lp.SingleStream(duration=SECONDS))
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


class Tidy:
    """Collects garbage after each request, to keep memory low."""

    def __init__(self, *, collects: bool) -> None:
        self.collects = collects
        self.items = [{"id": index} for index in range(150_000)]
        self.network = Dense(320, 8)

    def infer(self, seed: int) -> np.ndarray:
        return self.network(np.full((32, 320), seed % 3, np.float32))

    def finish(self, rows: np.ndarray) -> float:
        if self.collects:
            gc.collect()
        return float(rows.mean())

    def predict(self, seed: int) -> float:
        return self.finish(self.infer(seed))


@planted("gc_pauses", stages=("finish", ""), gain=0.5)
def collected_after_each(fixed: bool) -> Iterator[Arm]:
    """Garbage is collected after each request, over 150,000 objects that live on."""
    service = Tidy(collects=not fixed)
    yield Arm(service, {"infer": "infer", "finish": "finish"}, range(16))


class Cleaner:
    """Normalises characters one by one, or by a table, and embeds what is left."""

    def __init__(self, *, by_table: bool) -> None:
        self.by_table = by_table
        kept = {code: chr(code).lower() for code in range(128) if chr(code).isalnum()}
        self.table = {code: kept.get(code, " ") for code in range(128)}
        self.network = Dense(384, 8)

    def normalise(self, text: str) -> str:
        if self.by_table:
            return text.translate(self.table)
        out = ""
        for character in text:
            out += character.lower() if character.isalnum() else " "
        return out

    def embed(self, text: str) -> float:
        characters = np.frombuffer(text.encode("ascii", "replace"), np.uint8)
        counts = np.bincount(characters, minlength=384)
        return float(self.network(np.tile(counts.astype(np.float32), (32, 1))).mean())

    def predict(self, text: str) -> float:
        return self.embed(self.normalise(text))


@planted("slow_stage", stages="normalise", gain=0.5)
def character_by_character(fixed: bool) -> Iterator[Arm]:
    """Text is normalised character by character, though one call would do it."""
    service = Cleaner(by_table=fixed)
    inputs = texts(lengths(3000, 4000))
    yield Arm(service, {"normalise": "normalise", "embed": "embed"}, inputs)


class Ranker:
    """Finds the best classes that a session tells in Python, or in numpy."""

    def __init__(self, *, in_numpy: bool) -> None:
        import onnxruntime

        self.in_numpy = in_numpy
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_mlp(512, 8), options)

    def model(self, seed: int) -> np.ndarray:
        rows = np.full((40, 512), 1 + seed % 5, np.float32)
        found: np.ndarray = self.session.run(None, {"rows": rows})[0]
        return found

    def decode(self, rows: np.ndarray) -> list[int]:
        if self.in_numpy:
            return [int(best) for best in rows.argmax(axis=1)]
        best = []
        for row in rows:
            value = max(float(each) for each in row)
            best.append(next(place for place, each in enumerate(row) if float(each) == value))
        return best

    def predict(self, seed: int) -> list[int]:
        return self.decode(self.model(seed))


@planted("slow_stage", stages="decode", gain=0.5, needs=("onnx", "onnxruntime"))
def best_classes_in_python(fixed: bool) -> Iterator[Arm]:
    """The best class of each row is found in a loop over numbers, one by one."""
    yield Arm(Ranker(in_numpy=fixed), {"model": "model", "decode": "decode"}, range(16))
