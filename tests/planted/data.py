"""Planted causes of the family `data`: what comes in is long, padded, large or unlucky."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import latprof as lp
from latprof.demo.service import SentimentService

from .case import SECONDS, Arm, planted
from .networks import MINILM, Dense, minilm
from .texts import lengths, texts

DEMO = ("onnxruntime", "tokenizers")
DEMO_STAGES = {name: name for name in SentimentService.stages}


@planted("long_inputs", stages="forward", gain=0.99, needs=DEMO)
def long_reviews(fixed: bool) -> Iterator[Arm]:
    """One review in twelve is of 450 words or more; the first 128 tokens would do."""
    service = SentimentService()
    if fixed:
        service._tokenizer.enable_truncation(128)
    words = lengths(40, 90, 66) + lengths(450, 500, 6)
    order = np.random.default_rng(1).permutation(len(words))
    yield Arm(service, DEMO_STAGES, texts(words[index] for index in order))


class Attention:
    """Scores a history of items: attention of each to each, then a small network."""

    def __init__(self, window: int | None) -> None:
        self.window = window
        self.items = np.random.default_rng(0).standard_normal((5000, 64)).astype(np.float32)
        self.network = Dense(64, 6)

    def look_up(self, history: list[int]) -> np.ndarray:
        return self.items[history[-self.window :] if self.window else history]

    def attend(self, items: np.ndarray) -> np.ndarray:
        scores = items @ items.T / 8
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (weights / weights.sum(axis=1, keepdims=True)) @ items

    def score(self, items: np.ndarray) -> float:
        return float(self.network(items[:32]).sum())

    def predict(self, history: list[int]) -> float:
        return self.score(self.attend(self.look_up(history)))


@planted("long_inputs", stages="mix", gain=0.99)
def long_histories(fixed: bool) -> Iterator[Arm]:
    """A few users have a history of 1500 items, which is attended to in full."""
    chance = np.random.default_rng(0)
    sizes = [int(size) for size in chance.integers(150, 300, 76)] + [1500, 1450, 1400, 1350]
    chance.shuffle(sizes)
    inputs = [chance.integers(0, 5000, size).tolist() for size in sizes]
    stages = {"fetch": "look_up", "mix": "attend", "rank": "score"}
    yield Arm(Attention(300 if fixed else None), stages, inputs)


@planted("padding_waste", stages="forward", gain=0.5, needs=DEMO)
def padded_to_the_maximum(fixed: bool) -> Iterator[Arm]:
    """Each review is padded to the 512 tokens that the model takes at most."""
    service = SentimentService()
    if not fixed:
        service._tokenizer.enable_padding(length=512)
    yield Arm(service, DEMO_STAGES, texts(lengths(40, 110)))


class SentenceEncoder:
    """MiniLM under torch, with the stages around it.

    Args:
        pad_to: Positions that each sentence is padded to.
    """

    def __init__(self, pad_to: int | None = None) -> None:
        import torch

        self._torch = torch
        self._sentiment = minilm().Sentiment()
        self.model = minilm().module()
        if pad_to is not None:
            self._sentiment._tokenizer.enable_padding(length=pad_to)

    def encode(self, text: str) -> dict[str, Any]:
        features: dict[str, Any] = self._sentiment.tokenize(self._sentiment.preprocess(text))
        return features

    def embed(self, features: dict[str, Any]) -> tuple[Any, Any]:
        with self._torch.inference_mode():
            given = (self._torch.from_numpy(features[name]) for name in minilm().INPUTS)
            return self.model(*given).numpy(), features["attention_mask"]

    def predict(self, text: str) -> float:
        answer: float = self._sentiment.postprocess(self.embed(self.encode(text)))
        return answer


@planted("padding_waste", stages="embed", gain=0.5, needs=MINILM)
def padded_sentences(fixed: bool) -> Iterator[Arm]:
    """Sentences of 10 to 20 words are padded to 128 positions."""
    service = SentenceEncoder(None if fixed else 128)
    yield Arm(service, {"encode": "encode", "embed": "embed"}, texts(lengths(10, 20)))


class Frames:
    """Takes pictures: raw, or as the base64 text of a JSON document."""

    def __init__(self) -> None:
        self.network = Dense(256, 8)

    def parse(self, request: str | bytes) -> np.ndarray:
        if isinstance(request, str):
            request = base64.b64decode(json.loads(request)["image"])
        return np.frombuffer(request, np.uint8)

    def resize(self, pixels: np.ndarray) -> np.ndarray:
        step = pixels.size // 65_536
        return pixels[:: max(step, 1)][:65_536].reshape(256, 256).astype(np.float32) / 255

    def classify(self, pixels: np.ndarray) -> int:
        return int(self.network(pixels).sum(axis=0).argmax())

    def predict(self, request: str | bytes) -> int:
        return self.classify(self.resize(self.parse(request)))


@planted("large_payload", stages="parse", gain=0.5)
def base64_pictures(fixed: bool) -> Iterator[Arm]:
    """Pictures of 1 to 4 MB come as base64 in JSON; thumbnails of 64 KiB, raw, would do."""
    chance = np.random.default_rng(0)
    inputs: list[str | bytes] = []
    for size in chance.integers(1_000_000, 4_000_000, 12):
        raw = chance.bytes(65_536 if fixed else int(size))
        inputs.append(raw if fixed else json.dumps({"image": base64.b64encode(raw).decode()}))
    stages = {"parse": "parse", "resize": "resize", "classify": "classify"}
    yield Arm(Frames(), stages, inputs)


class Series:
    """Takes a series of readings as JSON, and gives its anomaly score."""

    def __init__(self) -> None:
        self.network = Dense(512, 8)

    def receive(self, body: bytes) -> np.ndarray:
        return np.array(json.loads(body)["readings"], np.float32)

    def compare(self, readings: np.ndarray) -> float:
        return float(self.network(readings[:4096].reshape(8, 512)).max())

    def predict(self, body: bytes) -> float:
        return self.compare(self.receive(body))


@planted("large_payload", stages="deserialise", gain=0.5)
def readings_as_json(fixed: bool) -> Iterator[Arm]:
    """Each request brings 20,000 to 60,000 readings, of which the first 4096 are used."""
    chance = np.random.default_rng(0)
    sizes = np.full(16, 4096) if fixed else chance.integers(20_000, 60_000, 16)
    rows = (chance.standard_normal(size).tolist() for size in sizes)
    inputs = [json.dumps({"readings": row}).encode() for row in rows]
    yield Arm(Series(), {"deserialise": "receive", "model": "compare"}, inputs)


class Recommender:
    """Ranks items for a user whose features are in a cache, or else far away."""

    def __init__(self, cached: set[str]) -> None:
        self.cached = cached
        self.network = Dense(320, 6)

    def features(self, user: str) -> np.ndarray:
        if user not in self.cached:
            time.sleep(0.025)
        return np.full((16, 320), float(len(user)), np.float32)

    def rank(self, features: np.ndarray) -> int:
        return int(self.network(features).sum(axis=0).argmax())

    def predict(self, user: str) -> int:
        return self.rank(self.features(user))


@planted("slow_inputs", stages="features", gain=0.99)
def cache_misses(fixed: bool) -> Iterator[Arm]:
    """The features of one user in eight are not in the cache, and come from far away."""
    users = [f"user-{index:02}" for index in range(40)]
    missing = set() if fixed else set(users[3::8])
    service = Recommender(set(users) - missing)
    yield Arm(service, {"features": "features", "rank": "rank"}, users)


class Moderator:
    """Cleans a post with a pattern, and scores it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self.network = Dense(400, 8)

    def screen(self, post: str) -> np.ndarray:
        clean = all(self.pattern.match(line) for line in post.splitlines())
        return np.full((16, 400), clean, np.float32)

    def judge(self, features: np.ndarray) -> float:
        return float(self.network(features).mean())

    def predict(self, post: str) -> float:
        return self.judge(self.screen(post))


@planted("slow_inputs", stages="screen", gain=0.99)
def backtracking_pattern(fixed: bool) -> Iterator[Arm]:
    """A pattern tries all ways to split a word; posts without a final dot take it that long."""
    service = Moderator(r"[\w ]*\.$" if fixed else r"(\w+ ?)*\.$")
    posts = [f"a post like many others {index:02}." for index in range(30)]
    posts[7] = posts[19] = posts[26] = "abcdefghijklm without"
    yield Arm(
        service,
        {"screen": "screen", "judge": "judge"},
        posts,
        lp.SingleStream(duration=SECONDS),
    )
