"""Planted causes that show now and then, or since the last deploy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from latprof.demo.service import SentimentService

from .case import Arm, planted
from .data import DEMO, DEMO_STAGES
from .infrastructure import SCORER_STAGES, Scorer
from .networks import Dense
from .texts import lengths, texts


class Checkpointed:
    """Writes a checkpoint now and then, inside the request that comes then.

    Args:
        share: Of the requests in which it does.
        stall_s: How long that takes.
    """

    def __init__(self, share: float, stall_s: float) -> None:
        self.share, self.stall_s = share, stall_s
        self.chance = np.random.default_rng(5)
        self.network = Dense(320, 8)

    def model(self, seed: int) -> np.ndarray:
        return self.network(np.full((48, 320), 1 + seed % 5, np.float32))

    def store(self, rows: np.ndarray) -> float:
        if self.chance.random() < self.share:
            time.sleep(self.stall_s)
        return float(rows.mean())

    def predict(self, seed: int) -> float:
        return self.store(self.model(seed))


@planted("rare_stall", stages="store", gain=0.99)
def one_in_fifty_sleeps(fixed: bool) -> Iterator[Arm]:
    """One request in fifty waits 60 ms for a checkpoint."""
    service = Checkpointed(0 if fixed else 0.02, 0.06)
    yield Arm(service, {"model": "model", "store": "store"}, range(29))


class Indexed:
    """Rebuilds an index after so many requests, inside the next one."""

    def __init__(self, every: int) -> None:
        self.every, self.number = every, 0
        self.index: dict[str, int] = {}
        self.network = Dense(320, 8)

    def retrieve(self, seed: int) -> np.ndarray:
        self.number += 1
        if self.number % self.every == 0:
            self.index = {str(key): key % 97 for key in range(200_000)}
        return np.full((48, 320), self.index.get(str(seed), 1), np.float32)

    def rerank(self, rows: np.ndarray) -> float:
        return float(self.network(rows).mean())

    def predict(self, seed: int) -> float:
        return self.rerank(self.retrieve(seed))


@planted("rare_stall", stages="retrieve", gain=0.99)
def index_rebuilt_now_and_then(fixed: bool) -> Iterator[Arm]:
    """One request in sixty computes an index anew before it is served."""
    service = Indexed(1_000_000 if fixed else 60)
    yield Arm(service, {"retrieve": "retrieve", "rerank": "rerank"}, range(29))


@planted("regression", stages="split", gain=0.5, baseline=True)
def new_version_splits_more(fixed: bool) -> Iterator[Arm]:
    """The new version of one stage takes four times as long as before the deploy."""

    class New(Scorer):
        def split(self, text: str) -> list[str]:
            for _ in range(0 if fixed else 3):
                super().split(text)
            return super().split(text)

    yield Arm(New(), SCORER_STAGES, texts(lengths(1500, 2500)))


@planted("regression", stages="forward", gain=0.5, needs=DEMO, baseline=True)
def new_model_runs_twice(fixed: bool) -> Iterator[Arm]:
    """Since the deploy the model is run twice, for an ensemble that nobody asked for."""

    class New(SentimentService):
        def forward(self, features: Any) -> Any:
            return sum(super(New, self).forward(features) for _ in range(1 if fixed else 2))

    yield Arm(New(), {**DEMO_STAGES}, texts(lengths(60, 110)))
