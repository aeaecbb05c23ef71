"""Small facts from small files: what cannot be read or understood is None, never an error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["field", "number", "text"]

_LIMIT_BYTES = 1 << 20


def text(path: Path) -> str | None:
    """Return what a small file holds, stripped; None where it cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT_BYTES)
    except (OSError, ValueError):
        return None
    return data.decode("utf-8", "replace").strip() or None


def field(content: str | None, name: str) -> str | None:
    """Return the value of the first line `name: value` or `name=value`; None where there is none.

    >>> field("MemTotal:   16 kB", "MemTotal")
    '16 kB'
    """
    for line in (content or "").splitlines():
        head, separator, value = line.partition(":" if ":" in line else "=")
        if separator and head.strip() == name:
            return value.strip() or None
    return None


def number(word: str | None) -> float | None:
    """Return the number at the beginning of a text; None where there is none.

    >>> number("16 kB")
    16.0
    """
    try:
        value = float((word or "").split()[0])
    except (IndexError, ValueError):
        return None
    return value if math.isfinite(value) else None
