"""Texts of any length, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable

from latprof.demo.reviews import reviews

__all__ = ["lengths", "texts"]


def lengths(low: int, high: int, count: int = 60, seed: int = 0) -> list[int]:
    """Return numbers of words, any between these alike."""
    chance = random.Random(seed)
    return [chance.randint(low, high) for _ in range(count)]


def texts(words: Iterable[int], seed: int = 0) -> list[str]:
    """Return a text of each number of words, cut out of reviews."""
    chance = random.Random(seed)
    source = " ".join(reviews()).split()
    starts = ((chance.randrange(len(source) - count), count) for count in words)
    return [" ".join(source[start : start + count]) for start, count in starts]
