"""Real models and tokenizers, small ones from a config with random weights, and what is noted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import latprof
from latprof.recording.record import record
from latprof.recording.request import request

from ..owners import picture, same  # noqa: TID252 - they look at objects one folder up

__all__ = ["DEMO", "WORDS", "noted", "one_request", "picture", "same"]

PAD, UNKNOWN = "[PAD]", "[UNK]"
TEXT = "a good bad film that nobody saw twice"
WORDS = [PAD, UNKNOWN, "[CLS]", "[SEP]", *TEXT.split()]
DEMO = Path(latprof.__file__).parent / "demo" / "model"


def noted(run: Any) -> list[dict[str, Any]]:
    """Return what each request has in its columns `attr.NAME`."""
    rows = run.requests.filter(like="attr.").to_dict("records")
    return [
        {
            name.removeprefix("attr."): value
            for name, value in row.items()
            if value is not None and value == value
        }
        for row in rows
    ]


def one_request(call: Any) -> tuple[Any, dict[str, Any]]:
    """Return the run of one request that makes `call`, and what was noted of it."""
    with record(signals=False) as recording, request():
        call()
    facts = noted(recording.run)
    return recording.run, facts[0] if facts else {}


@pytest.fixture(scope="session")
def tokenizers_library():
    return pytest.importorskip("tokenizers", reason="tokenizers is not installed")


@pytest.fixture(scope="session")
def transformers():
    pytest.importorskip("torch", reason="torch is not installed")
    return pytest.importorskip("transformers", reason="transformers is not installed")


def word_tokenizer(tokenizers):
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


@pytest.fixture
def words(tokenizers_library):
    """A tokenizer of tokenizers that knows a dozen words."""
    return word_tokenizer(tokenizers_library)


@pytest.fixture
def tokenizer(transformers, words):
    """The same as one of transformers."""
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token=PAD, unk_token=UNKNOWN
    )


@pytest.fixture
def classifier(transformers):
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    return transformers.BertForSequenceClassification(config).eval()


@pytest.fixture
def pipeline(transformers, classifier, tokenizer):
    """A text classifier."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformers.pipeline("text-classification", model=classifier, tokenizer=tokenizer)


@pytest.fixture
def writer(transformers):
    """A model that generates; it never ends by itself."""
    config = transformers.GPT2Config(
        vocab_size=len(WORDS),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=64,
        bos_token_id=2,
        eos_token_id=None,
        pad_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config).eval()
