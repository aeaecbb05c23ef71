"""Tokenizers, of the library of that name and of transformers: encoding is the stage `tokenize`."""

from __future__ import annotations

from collections.abc import Mapping

from latprof.recording.adapters.arrays import counts
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Call, Place, Seen

__all__ = ["KNOWN", "encoder_places", "places"]

KNOWN = "tokenizers of tokenizers and transformers"
_ENCODERS = ("encode", "encode_batch", "encode_batch_fast")
_CALLS = ("__call__", "encode")  # neither goes through the other


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no tokenizer."""
    if is_a(obj, "transformers.tokenization_utils_base", "PreTrainedTokenizerBase"):
        return encoder_places(obj)
    if is_a(obj, "tokenizers", "Tokenizer"):
        around = Seen("tokenize", _see_encodings)
        return [Place(obj, name, around) for name in _ENCODERS if hasattr(obj, name)]
    return []


def encoder_places(tokenizer: object) -> list[Place]:
    """Return where hooks go in a tokenizer of transformers."""
    around = Seen("tokenize", _see_ids)
    return [Place(tokenizer, name, around) for name in _CALLS]


def _see_ids(facts: Facts, call: Call) -> None:
    made = call.result
    if isinstance(made, Mapping):
        counted = counts(made["input_ids"], made.get("attention_mask"))
    else:
        counted = counts(made, None)
    if counted is not None:
        facts.tokenized(*counted)


def _see_encodings(facts: Facts, call: Call) -> None:
    encodings = call.result if isinstance(call.result, list) else [call.result]
    tokens = sum(sum(encoding.attention_mask) for encoding in encodings)
    facts.tokenized(len(encodings), tokens, sum(map(len, encodings)))
