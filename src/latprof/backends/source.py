"""What a model is loaded from: a file that must be there, and choices that must be known."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from latprof.errors import UsageError

__all__ = ["choice", "model_file"]


def model_file(source: object, suffixes: tuple[str, ...], backend: str) -> Path:
    """Return the model file that `source` names.

    Args:
        source: A path.
        suffixes: The endings that the backend reads.
        backend: For the message.

    Raises:
        UsageError: It is no path, or there is no such file, or its ending says it is another
            kind of model.
    """
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            f"{backend} loads a file ({', '.join(suffixes)}), got {type(source).__name__}"
        )
    path = Path(source)
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{backend} loads {', '.join(suffixes)} files, got {path}")
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*") if each.suffix.lower() in suffixes]
        near = get_close_matches(path.name, beside, n=1)
        hint = f"; close to it: {near[0]}" if near else ""
        raise UsageError(f"there is no file {path}{hint}")
    return path


def choice(value: object, accepted: Iterable[str], what: str) -> None:
    """Refuse a word that is not among the accepted ones.

    Raises:
        UsageError: It is not.
    """
    accepted = list(accepted)
    if value not in accepted:
        raise UsageError(f"{what} is one of {', '.join(accepted)}; got {value!r}")
