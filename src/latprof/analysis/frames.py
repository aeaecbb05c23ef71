"""Frames of sampled stacks: taken apart, told from those of latprof, spelled short."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from latprof.run.stackspool import SEPARATOR

__all__ = ["Frame", "frames_of", "is_driver", "own_caller"]

_SPELLED = re.compile(r"^(?P<name>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)$", re.DOTALL)
_LIBRARY = re.compile(r"^(?:.*/)?(?:site-packages|dist-packages|lib/python3\.\d+)/(?P<rest>.+)$")
_LATPROF = re.compile(r"(?:^|/)latprof/(?:recording|load)/[\w/]+\.py$")
_DRIVER = re.compile(r"/latprof/load/(?:workers|eventloop)\.py:")


class Frame(NamedTuple):
    """One call of a stack.

    Attributes:
        name: Of the function.
        file: Its file, shortened to what tells it from others.
        line: Where in it; 0 where that is not known.
        is_library: It comes with Python or with an installed package.
    """

    name: str
    file: str
    line: int
    is_library: bool

    @property
    def function(self) -> str:
        """Name and file, the same for all lines."""
        return f"{self.name} ({self.file})"

    def __str__(self) -> str:
        return f"{self.name} ({self.file}:{self.line})" if self.line else self.function


def frames_of(stack: str) -> tuple[Frame, ...]:
    """Return the frames of a stack, the outermost first, without those of latprof.

    A stack that has no others keeps them.

    >>> stack = "run (/srv/app/main.py:3);loads (/usr/lib/python3.11/json/__init__.py:9)"
    >>> [str(frame) for frame in frames_of(stack)]
    ['run (app/main.py:3)', 'loads (json/__init__.py:9)']
    """
    texts = stack.split(SEPARATOR)
    others = [text for text in texts if not _LATPROF.search(_file(text))]
    return tuple(_frame(text) for text in others or texts)


def own_caller(frames: tuple[Frame, ...]) -> Frame:
    """Return the innermost frame that belongs to no library: the line that its owner can change."""
    own = (frame for frame in reversed(frames) if not frame.is_library)
    return next(own, frames[-1])


def is_driver(stack: str) -> bool:
    """Return whether latprof's driver is among the callers: the thread serves requests."""
    return _DRIVER.search(stack) is not None


def _file(text: str) -> str:
    found = _SPELLED.match(text)
    return found["file"] if found else ""


@functools.lru_cache(1 << 14)
def _frame(text: str) -> Frame:
    found = _SPELLED.match(text)
    if found is None:
        return Frame(text, "?", 0, is_library=True)
    file = found["file"]
    library = _LIBRARY.match(file)
    short = library["rest"] if library else "/".join(file.split("/")[-2:])
    is_library = library is not None or file.startswith("<")
    return Frame(found["name"], short, int(found["line"] or 0), is_library)
