"""Planted causes: what could be built once is built, or read, in every request."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from latprof.demo.service import MODEL_FOLDER, SentimentService

from .case import Arm, planted
from .data import DEMO
from .networks import Dense, torch_mlp
from .texts import lengths, texts


class TokenizerEachTime(SentimentService):
    """The demo with a tokenizer for each text."""

    def tokenize(self, text: str) -> Any:
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
        tokenizer.enable_truncation(512)
        return self._features(tokenizer.encode(text))


@planted("rebuilt_per_request", stages="encode", gain=0.5, needs=DEMO)
def tokenizer_each_time(fixed: bool) -> Iterator[Arm]:
    """The tokenizer is loaded from its file in each request."""
    service = SentimentService() if fixed else TokenizerEachTime()
    stages = {
        "clean": "preprocess",
        "encode": "tokenize",
        "model": "forward",
        "label": "postprocess",
    }
    yield Arm(service, stages, texts(lengths(60, 110)))


class SessionEachTime(SentimentService):
    """The demo with a session for each forward pass."""

    def forward(self, features: Any) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(MODEL_FOLDER / "model.onnx"), options)
        return session.run(["logits"], features)[0]


@planted("rebuilt_per_request", stages="infer", gain=0.5, needs=DEMO)
def session_each_time(fixed: bool) -> Iterator[Arm]:
    """The session of ONNX Runtime is made in each request."""
    service = SentimentService() if fixed else SessionEachTime()
    yield Arm(service, {"words": "tokenize", "infer": "forward"}, texts(lengths(60, 110)))


class Vocabulary:
    """Turns words into numbers by a vocabulary in a file, and scores them.

    Args:
        file: JSON, word -> number.
        is_kept: Whether it is read once, and not in each request.
    """

    def __init__(self, file: Path, *, is_kept: bool) -> None:
        self.file = file
        self.kept = self.read() if is_kept else None
        self.network = Dense(384, 8)

    def read(self) -> dict[str, int]:
        vocabulary: dict[str, int] = json.loads(self.file.read_text())
        return vocabulary

    def map_words(self, text: str) -> np.ndarray:
        vocabulary = self.read() if self.kept is None else self.kept
        found = [vocabulary.get(word, 0) % 97 for word in text.split()]
        return np.resize(np.array(found, np.float32), (32, 384))

    def evaluate(self, rows: np.ndarray) -> float:
        return float(self.network(rows).mean())

    def predict(self, text: str) -> float:
        return self.evaluate(self.map_words(text))


@planted("rebuilt_per_request", stages="map", gain=0.5)
def vocabulary_read_each_time(fixed: bool) -> Iterator[Arm]:
    """A vocabulary of 40,000 words is read from its file and parsed in each request."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "vocabulary.json")
        file.write_text(json.dumps({f"word{index}": index for index in range(40_000)}))
        service = Vocabulary(file, is_kept=fixed)
        stages = {"map": "map_words", "evaluate": "evaluate"}
        yield Arm(service, stages, texts(lengths(100, 160)))


class Pickled:
    """A model kept as a pickle, and unpickled once or each time.

    Args:
        file: The pickle.
        is_kept: Whether it is read once.
    """

    def __init__(self, file: Path, *, is_kept: bool) -> None:
        self.file = file
        self.kept = self.load() if is_kept else None

    def load(self) -> Dense:
        model: Dense = pickle.loads(self.file.read_bytes())  # noqa: S301 - written right here
        return model

    def features(self, seed: int) -> np.ndarray:
        return np.full((24, 512), seed % 5, np.float32)

    def regress(self, rows: np.ndarray) -> float:
        model = self.load() if self.kept is None else self.kept
        return float(model(rows).mean())

    def predict(self, seed: int) -> float:
        return self.regress(self.features(seed))


@planted("rebuilt_per_request", stages="regress", gain=0.5)
def pickle_loaded_each_time(fixed: bool) -> Iterator[Arm]:
    """A model of 10 MB is unpickled from its file in each request."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.pickle")
        file.write_bytes(pickle.dumps(Dense(512, 10)))
        service = Pickled(file, is_kept=fixed)
        yield Arm(service, {"features": "features", "regress": "regress"}, range(16))


class ModuleEachTime:
    """A torch model with its weights in a file.

    Args:
        file: The state of the module.
        is_kept: Whether the module is made once.
    """

    def __init__(self, file: Path, *, is_kept: bool) -> None:
        self.file = file
        self.kept = self.make() if is_kept else None

    def make(self) -> Any:
        import torch

        module = torch_mlp(256, 6)
        module.load_state_dict(torch.load(self.file))
        return module

    def collate(self, seed: int) -> Any:
        import torch

        return torch.full((16, 256), float(seed))

    def apply(self, rows: Any) -> float:
        import torch

        module = self.make() if self.kept is None else self.kept
        with torch.inference_mode():
            return float(module(rows).sum())

    def predict(self, seed: int) -> float:
        return self.apply(self.collate(seed))


@planted("rebuilt_per_request", stages="apply", gain=0.5, needs=("torch",))
def module_each_time(fixed: bool) -> Iterator[Arm]:
    """A torch module is made and its weights are loaded in each request."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights.pt")
        torch.save(torch_mlp(256, 6).state_dict(), file)
        service = ModuleEachTime(file, is_kept=fixed)
        yield Arm(service, {"collate": "collate", "apply": "apply"}, range(16))
