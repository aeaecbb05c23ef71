"""Snapshots of stacks as a growing file beside a recording: a line of JSON each.

Another process writes it, so a kill of either loses the last line at most. A line that is torn, or
that holds something else, is left out: stacks never cost a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from latprof.run.text import storable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "SEPARATOR", "Sample", "line_of", "samples"]

FILE = "stacks.jsonl"
SEPARATOR = ";"
"""Between the frames of a stack, the outermost first, as in folded stacks elsewhere."""

# A thousand threads of 200 frames each; a longer line was not written by latprof.
_LONGEST_LINE = 1 << 26
_LIMIT_NS = 2**62


class Sample(NamedTuple):
    """One thread at one instant.

    Attributes:
        time_ns: The instant.
        thread_id: Of the thread.
        thread: Its name.
        on_cpu: It ran, or was ready to.
        gil: It held the interpreter's lock.
        stack: Its frames.
    """

    time_ns: int
    thread_id: int
    thread: str
    on_cpu: bool
    gil: bool
    stack: str


def line_of(snapshot: list[Sample]) -> str:
    """Return a snapshot as a line of the file."""
    return json.dumps(snapshot) + "\n"


def samples(folder: Path) -> Iterator[Sample]:
    """Yield what was sampled beside the recording in `folder`; nothing where nothing was."""
    try:
        with (folder / FILE).open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield from _understood(line)
    except OSError:
        return


def _understood(line: bytes) -> list[Sample]:
    try:
        return [_sample(*row) for row in json.loads(line)]
    except (ValueError, TypeError, RecursionError):
        return []


def _sample(*row: Any) -> Sample:
    sample = Sample(*row)
    for value, kind in zip(sample, (int, int, str, bool, bool, str), strict=True):
        if type(value) is not kind:
            raise ValueError("no sample")
    if not (0 <= sample.time_ns < _LIMIT_NS and 0 <= sample.thread_id < _LIMIT_NS):
        raise ValueError("no instant")
    return sample._replace(thread=storable(sample.thread), stack=storable(sample.stack))
