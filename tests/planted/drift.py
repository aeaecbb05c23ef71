"""Planted causes of the family `drift`: what changes while the service runs, or at its start."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

import latprof as lp
from latprof.demo.service import SentimentService

from .case import ANY, Arm, planted
from .data import DEMO, DEMO_STAGES, Attention
from .networks import MINILM, Dense, minilm
from .texts import lengths, texts


@planted("input_drift", stages=("forward", ""), needs=DEMO)
def reviews_grow_longer(fixed: bool) -> Iterator[Arm]:
    """In the second half of the run, reviews are five times as long as in the first."""
    early = texts(lengths(50, 80, 400))
    late = texts(lengths(50, 80, 300) if fixed else lengths(280, 400, 300), seed=1)
    inputs = [*early, *late]
    scenario = lp.SingleStream(requests=len(inputs))
    yield Arm(SentimentService(), DEMO_STAGES, inputs, scenario)


@planted("input_drift", stages=("mix", ""))
def histories_grow_longer(fixed: bool) -> Iterator[Arm]:
    """The histories of users are three times as long in the last third of the run."""
    chance = np.random.default_rng(0)
    sizes = chance.integers(200, 300, 900)
    if not fixed:
        sizes[600:] = chance.integers(700, 900, 300)
    inputs = [chance.integers(0, 5000, int(size)).tolist() for size in sizes]
    stages = {"fetch": "look_up", "mix": "attend", "rank": "score"}
    yield Arm(Attention(None), stages, inputs, lp.SingleStream(requests=900))


class Deduplicating:
    """Asks whether an item came before, and scores it.

    Args:
        keep: How many of those before it remembers; None for all.
    """

    def __init__(self, keep: int | None) -> None:
        self.seen: deque[str] = deque(maxlen=keep)
        self.network = Dense(256, 6)

    def check(self, item: str) -> bool:
        known = sum(each == item for each in self.seen)
        self.seen.extend(f"{item}-{part}-{len(self.seen)}" for part in range(40))
        return known > 0

    def score(self, known: bool) -> float:
        return float(self.network(np.full((64, 256), known, np.float32)).sum())

    def predict(self, item: str) -> float:
        return self.score(self.check(item))


@planted("progressive_slowdown", stages="check")
def list_that_grows(fixed: bool) -> Iterator[Arm]:
    """Each item is compared with all that came before, in a list that only grows."""
    items = [f"item {index:03}" for index in range(200)]
    service = Deduplicating(4000 if fixed else None)
    scenario = lp.SingleStream(requests=1000)
    yield Arm(service, {"check": "check", "score": "score"}, items, scenario)


class Journalled:
    """Answers, and keeps a journal of the answers that it writes anew each time.

    Args:
        keep: How many answers the journal holds; None for all.
    """

    def __init__(self, keep: int | None) -> None:
        self.journal: deque[dict[str, Any]] = deque(maxlen=keep)
        self.network = Dense(320, 8)

    def answer(self, seed: int) -> np.ndarray:
        return self.network(np.full((32, 320), seed % 5, np.float32))

    def record(self, rows: np.ndarray) -> int:
        self.journal.append({"scores": rows[0, :8].tolist(), "shape": list(rows.shape)})
        return len(json.dumps(list(self.journal)))

    def predict(self, seed: int) -> int:
        return self.record(self.answer(seed))


@planted("progressive_slowdown", stages="record")
def journal_written_anew(fixed: bool) -> Iterator[Arm]:
    """The whole journal is written again for each answer, and grows by one answer."""
    service = Journalled(40 if fixed else None)
    scenario = lp.SingleStream(requests=900)
    yield Arm(service, {"answer": "answer", "record": "record"}, range(40), scenario)


class Remembering:
    """Keeps what it computed, for a look-up that never comes.

    Args:
        keep: How many; None for all.
    """

    def __init__(self, keep: int | None) -> None:
        self.kept: deque[np.ndarray] = deque(maxlen=keep)
        self.network = Dense(400, 8)

    def embed(self, seed: int) -> np.ndarray:
        rows = self.network(np.full((48, 400), seed % 7, np.float32))
        self.kept.append(np.tile(rows, (2, 1)))
        return rows

    def answer(self, rows: np.ndarray) -> float:
        return float(rows.mean())

    def predict(self, seed: int) -> float:
        return self.answer(self.embed(seed))


@planted("memory_leak", stages=ANY)
def embeddings_kept(fixed: bool) -> Iterator[Arm]:
    """The embeddings of each request, 150 KB, are kept for ever."""
    service = Remembering(16 if fixed else None)
    yield Arm(service, {"embed": "embed", "answer": "answer"}, range(32))


class Cached(SentimentService):
    """The demo with a cache of whole documents by their exact text, which never repeats.

    Args:
        keep: How many; None for all.
    """

    def __init__(self, keep: int | None) -> None:
        super().__init__()
        self.cache: dict[str, bytearray] = {}
        self.keep = keep
        self.number = 0

    def preprocess(self, text: str) -> str:
        self.number += 1
        self.cache[f"{self.number} {text}"] = bytearray(120_000)
        if self.keep is not None and len(self.cache) > self.keep:
            del self.cache[next(iter(self.cache))]
        return super().preprocess(text)


@planted("memory_leak", stages=ANY, needs=DEMO)
def cache_without_bound(fixed: bool) -> Iterator[Arm]:
    """A cache by the exact text has no bound, and 120 KB an entry."""
    yield Arm(Cached(16 if fixed else None), DEMO_STAGES, texts(lengths(60, 110)))


class Lazy:
    """MiniLM under ONNX Runtime, loaded when it is first needed, or before.

    Args:
        is_loaded: Whether it is loaded when the service is built.
    """

    def __init__(self, *, is_loaded: bool) -> None:
        self.sentiment = minilm().Sentiment()
        self.session: Any = None
        if is_loaded:
            self.load()

    def load(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(minilm().exported().onnx), options)

    def encode(self, text: str) -> dict[str, Any]:
        features: dict[str, Any] = self.sentiment.tokenize(text)
        return features

    def embed(self, features: dict[str, Any]) -> tuple[Any, Any]:
        if self.session is None:
            self.load()
        return self.session.run(None, features)[0], features["attention_mask"]

    def predict(self, text: str) -> float:
        answer: float = self.sentiment.postprocess(self.embed(self.encode(text)))
        return answer


@planted("cold_start", stages=("embed", ""), needs=MINILM)
def model_loaded_by_the_first(fixed: bool) -> Iterator[Arm]:
    """The model is loaded by the first request that needs it."""
    minilm().exported()
    service = Lazy(is_loaded=fixed)
    yield Arm(service, {"encode": "encode", "embed": "embed"}, texts(lengths(10, 16)))


class Lexical:
    """Looks words up in a lexicon that is built when the first text comes."""

    def __init__(self, *, is_built: bool) -> None:
        self.network = Dense(256, 8)
        self.lexicon: dict[str, int] = {}
        if is_built:
            self.build()

    def build(self) -> None:
        self.lexicon = {f"{a:x}{b:x}": a ^ b for a in range(700) for b in range(700)}

    def look_up(self, text: str) -> np.ndarray:
        if not self.lexicon:
            self.build()
        found = [self.lexicon.get(word, 1) for word in text.split()]
        return np.resize(np.array(found, np.float32), (32, 256))

    def score(self, rows: np.ndarray) -> float:
        return float(self.network(rows).mean())

    def predict(self, text: str) -> float:
        return self.score(self.look_up(text))


@planted("cold_start", stages=("look_up", ""))
def lexicon_built_by_the_first(fixed: bool) -> Iterator[Arm]:
    """A lexicon of half a million words is built inside the first request."""
    stages = {"look_up": "look_up", "score": "score"}
    yield Arm(Lexical(is_built=fixed), stages, texts(lengths(200, 300)))
