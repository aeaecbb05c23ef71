"""What latprof knows how to hook by itself."""

from __future__ import annotations

from typing import Final

from latprof.recording.adapters import declared, onnxruntime, tokenizers, torch, transformers
from latprof.recording.adapters.seeing import Place

__all__ = ["known", "places_in"]

# What an object says of itself comes first; a model of transformers is a torch module as well.
_ADAPTERS: Final = (declared, transformers, torch, onnxruntime, tokenizers)


def places_in(obj: object) -> list[Place]:
    """Return where hooks go in an object: none where latprof does not know it.

    >>> places_in(3)
    []
    """
    if isinstance(obj, type):
        return declared.places(obj)
    return next((found for each in _ADAPTERS if (found := each.places(obj))), [])


def known() -> str:
    """Return what latprof knows, in words."""
    return "; ".join(adapter.KNOWN for adapter in _ADAPTERS)
