"""Tokenizers, of the library of that name and of transformers: encoding is the stage `tokenize`."""

from __future__ import annotations

from typing import Any

from latprof.recording.adapters.arrays import MASK, counts, mapping_in
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import Sighting

__all__ = [
    "CALLS",
    "ENCODERS",
    "KNOWN",
    "TRANSFORMERS",
    "encoder_places",
    "look_at_encodings",
    "look_at_ids",
    "places",
]

KNOWN = "tokenizers of tokenizers and transformers"
TRANSFORMERS = "transformers.tokenization_utils_base", "PreTrainedTokenizerBase"
ENCODERS = ("encode", "encode_batch", "encode_batch_fast")
CALLS = ("__call__", "encode")  # neither goes through the other


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no tokenizer."""
    if is_a(obj, *TRANSFORMERS):
        return encoder_places(obj)
    if is_a(obj, "tokenizers", "Tokenizer"):
        around = Seen("tokenize", lambda _, __, made: look_at_encodings(obj, made))
        return [Place(obj, name, around) for name in ENCODERS if hasattr(obj, name)]
    return []


def encoder_places(tokenizer: object) -> list[Place]:
    """Return where hooks go in a tokenizer of transformers."""
    around = Seen("tokenize", look_at_ids)
    return [Place(tokenizer, name, around) for name in CALLS]


def look_at_ids(_: object, __: object, made: Any) -> Sighting | None:
    """Look at what a tokenizer of transformers made."""
    held = mapping_in(made)
    counted = counts(made, None) if held is None else counts(held["input_ids"], held.get(MASK))
    return None if counted is None else (Facts.tokenized, *counted)


def look_at_encodings(tokenizer: Any, made: Any) -> Sighting:
    """Look at what a tokenizer of tokenizers made."""
    is_padded = tokenizer.padding is not None
    if type(made) is not list and not is_padded:
        length = len(made)
        return Facts.tokenized, 1, length, length
    encodings = made if type(made) is list else [made]
    positions = tokens = sum(map(len, encodings))
    if is_padded:  # a mask is made anew for whoever asks: a list of numbers
        tokens = sum([each.attention_mask.count(1) for each in encodings])
    return Facts.tokenized, len(encodings), tokens, positions
