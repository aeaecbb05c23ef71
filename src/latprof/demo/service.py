"""A sentiment service for movie reviews: a small transformer under onnxruntime, in four stages.

Two variants give the same answers. `healthy` does at start-up what can be done once, and takes a
few milliseconds a request. `slow` carries three faults that services really have, one to a stage:

    preprocess   asks the remote glossary for every term, one round trip after the other, although
                 the whole glossary fits in memory (most of the time goes here, waiting)
    tokenize     builds the tokenizer anew from its file
    forward      computes on 512 tokens, however short the review, as tokenize pads to the maximum

`latprof profile latprof.demo.service:healthy` and `…:slow` profile them. `faults` has variants
with a single fault.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from latprof.demo.lookup import GLOSSARY, LookupServer
from latprof.demo.reviews import reviews
from latprof.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    Features = dict[str, NDArray[np.int64]]
    Logits = NDArray[np.float32]

__all__ = [
    "MODEL_FOLDER",
    "SentimentService",
    "SlowSentimentService",
    "clean",
    "healthy",
    "load_tokenizer",
    "make",
    "slow",
    "spell_out",
]

MODEL_FOLDER = Path(__file__).parent / "model"
MAX_TOKENS = 512  # what the model has positions for; longer reviews are cut
LABELS = ("negative", "positive")

_MARKUP = re.compile(r"<[^>]*>")
_TERM = re.compile(r"[\w'/-]+")


class SentimentService:
    """Says whether a movie review is positive or negative.

    The stages are methods, called in turn by `predict`. Calls from several threads are fine.

    Args:
        threads: Threads that onnxruntime computes one request with.

    Raises:
        MissingDependencyError: onnxruntime, tokenizers or numpy is not installed.
    """

    stages = ("preprocess", "tokenize", "forward", "postprocess")

    def __init__(self, threads: int = 1) -> None:
        self._numpy = _require("numpy")
        self._tokenizer = load_tokenizer()
        self._session = _load_session(threads)
        self._samples = reviews()

    def preprocess(self, text: str) -> str:
        """Take markup out and spell film fans' shorthand out.

        Args:
            text: The review as it was sent.

        Returns:
            Plain text.
        """
        return spell_out(clean(text), GLOSSARY)

    def tokenize(self, text: str) -> Features:
        """Turn plain text into the model's inputs.

        Args:
            text: Plain text; only its first MAX_TOKENS tokens count.

        Returns:
            `input_ids` and `attention_mask`, int64 [1, tokens].
        """
        return self._features(self._tokenizer.encode(text))

    def forward(self, features: Features) -> Logits:
        """Run the model.

        Args:
            features: `input_ids` and `attention_mask`, int64 [batch, tokens].

        Returns:
            Logits, float32 [batch, 2], in the order of LABELS.
        """
        logits: Logits = self._session.run(["logits"], features)[0]
        return logits

    def postprocess(self, logits: Logits) -> dict[str, Any]:
        """Turn the first row of logits into an answer.

        Args:
            logits: float32 [batch, 2].

        Returns:
            `label` ("negative" or "positive") and `score`, its probability.
        """
        row = logits[0] - logits[0].max()
        probabilities = self._numpy.exp(row) / self._numpy.exp(row).sum()
        best = int(probabilities.argmax())
        return {"label": LABELS[best], "score": float(probabilities[best])}

    def predict(self, text: str) -> dict[str, Any]:
        """Classify one review.

        Args:
            text: The review; markup is fine, and so is nothing at all.

        Returns:
            `label` ("negative" or "positive") and `score`, its probability.
        """
        return self.postprocess(self.forward(self.tokenize(self.preprocess(text))))

    def sample(self, i: int) -> str:
        """The `i`-th input of the demo, starting over when they run out."""
        return self._samples[i % len(self._samples)]

    def close(self) -> None:
        """Let go of what the service holds outside the process: nothing, in this variant."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _features(self, encoding: Any) -> Features:
        """The arrays of one `tokenizers.Encoding`."""
        array = self._numpy.array
        return {
            "input_ids": array([encoding.ids], dtype="int64"),
            "attention_mask": array([encoding.attention_mask], dtype="int64"),
        }


class SlowSentimentService(SentimentService):
    """The same answers, with the three faults that the module describes.

    Args:
        threads: Threads that onnxruntime computes one request with.

    Raises:
        MissingDependencyError: onnxruntime, tokenizers or numpy is not installed.
        OSError: The glossary server cannot be started.
    """

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._glossary = LookupServer()

    def preprocess(self, text: str) -> str:
        """As in the healthy variant, with a glossary fetched term by term for every request."""
        glossary = {term: self._glossary.look_up(term) for term in GLOSSARY}
        return spell_out(clean(text), glossary)

    def tokenize(self, text: str) -> Features:
        """As in the healthy variant, with a new tokenizer each time that pads to MAX_TOKENS."""
        tokenizer = load_tokenizer()
        tokenizer.enable_padding(length=MAX_TOKENS)
        return self._features(tokenizer.encode(text))

    def close(self) -> None:
        """End the glossary server."""
        self._glossary.close()


def healthy() -> SentimentService:
    """The service as it should be."""
    return make("healthy")


def slow() -> SentimentService:
    """The service with its faults; close it to end the glossary server."""
    return make("slow")


def make(variant: str, threads: int = 1) -> SentimentService:
    """Build a variant of the service.

    Args:
        variant: "healthy", "slow", or one with a single fault: "padded", "waiting", "slowing",
            "rebuilt" (see `latprof.demo.faults`).
        threads: Threads that onnxruntime computes one request with.

    Returns:
        The service, ready to answer.

    Raises:
        UsageError: There is no such variant.
        MissingDependencyError: onnxruntime, tokenizers or numpy is not installed.
    """
    from latprof.demo.faults import FAULTS

    variants: dict[str, type[SentimentService]] = {
        "healthy": SentimentService,
        "slow": SlowSentimentService,
        **FAULTS,
    }
    if variant not in variants:
        raise UsageError(f"no demo variant {variant!r}: choose one of {', '.join(variants)}")
    return variants[variant](threads)


def clean(text: str) -> str:
    """The text without markup, with single spaces. The model was trained on texts cleaned so."""
    return " ".join(_MARKUP.sub(" ", text).split())


def spell_out(text: str, glossary: Mapping[str, str]) -> str:
    """The text with each word that the glossary has (in lower case) replaced by its meaning."""
    return _TERM.sub(lambda word: glossary.get(word[0].lower(), word[0]), text)


def load_tokenizer() -> Any:
    """A `tokenizers.Tokenizer` that cuts at MAX_TOKENS and does not pad."""
    tokenizer = _require("tokenizers").Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _load_session(threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU."""
    onnxruntime = _require("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    path = str(MODEL_FOLDER / "model.onnx")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _require(package: str) -> ModuleType:
    """Import a package of the extra `demo`, or say how to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingDependencyError("The demo service", package, "demo") from error
