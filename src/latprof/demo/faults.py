"""Variants of the demo with one fault each, one for each family of causes. The answers are alike.

padded    data            every review is padded to the longest that the model takes
waiting   infrastructure  the glossary is asked for over the network, term by term
slowing   drift           every review is kept, and looked through for repetitions
rebuilt   code            the tokenizer is built anew for each review
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.demo.lookup import GLOSSARY, LookupServer
from latprof.demo.service import MAX_TOKENS, SentimentService, clean, load_tokenizer, spell_out

if TYPE_CHECKING:
    from latprof.demo.service import Features

__all__ = ["FAULTS", "PaddedService", "RebuiltService", "SlowingService", "WaitingService"]


class PaddedService(SentimentService):
    """Computes on MAX_TOKENS tokens, however short the review."""

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._tokenizer.enable_padding(length=MAX_TOKENS)


class WaitingService(SentimentService):
    """Fetches the glossary term by term for each review; close it to end its server."""

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._glossary = LookupServer()

    def preprocess(self, text: str) -> str:
        """As in the healthy variant, with the glossary fetched each time."""
        glossary = {term: self._glossary.look_up(term) for term in GLOSSARY}
        return spell_out(clean(text), glossary)

    def close(self) -> None:
        """End the glossary server."""
        self._glossary.close()


class SlowingService(SentimentService):
    """Keeps every review, and looks for words that it has met before in all of them."""

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self._seen: list[frozenset[str]] = []

    def preprocess(self, text: str) -> str:
        """As in the healthy variant, after a look at all that came before."""
        plain = super().preprocess(text)
        words = frozenset(plain.split())
        any(len(words & earlier) == len(words) for earlier in self._seen)
        self._seen.append(words)
        return plain


class RebuiltService(SentimentService):
    """Builds its tokenizer anew for each review."""

    def tokenize(self, text: str) -> Features:
        """As in the healthy variant, with a tokenizer of its own."""
        return self._features(load_tokenizer().encode(text))


FAULTS: dict[str, type[SentimentService]] = {
    "padded": PaddedService,
    "waiting": WaitingService,
    "slowing": SlowingService,
    "rebuilt": RebuiltService,
}
"""Variants by name."""
