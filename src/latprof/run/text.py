"""Text as a file can hold it."""

from __future__ import annotations

__all__ = ["one_line", "storable"]

_LONGEST = 200


def storable(text: str) -> str:
    r"""Return `text` with lone surrogates, which UTF-8 has no bytes for, as question marks.

    They come from bytes that were no text: file names, arguments of the command line.

    >>> storable("caf\udce9")
    'caf?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(words: object) -> str:
    r"""Return what an error of another library says, on one line of at most 200 characters.

    >>> one_line("first\n  second")
    'first second'
    """
    line = " ".join(storable(str(words)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
