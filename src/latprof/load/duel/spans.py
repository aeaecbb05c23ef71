"""The spans of a round: which stage was open when in each call, by the wall clock alone.

The core is used directly. A whole recorder has a thread, which would take turns with the arm, and
looks at inputs; here rows wait in memory until the round is over, and that is when they cost time.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from latprof.recording import core, session
from latprof.recording.propagation import Propagation
from latprof.recording.rows import request_rows, span_rows

__all__ = ["Recording", "Spans"]


class Spans(NamedTuple):
    """Those of the calls of a round, call by call in the order in which they began; plain lists.

    Attributes:
        call: Which call of the round each belongs to.
        stage: Its name.
        start_ns: Since that call began.
        end_ns: The same; where it outlived the call, the end of that.
    """

    call: list[int]
    stage: list[str]
    start_ns: list[int]
    end_ns: list[int]


class Recording:
    """Records while it is entered, once; beside another recording it leaves that alone."""

    def __init__(self) -> None:
        self._propagation = Propagation()
        self._rows = b"", b"", 0
        self._request: core.Request | None = None
        self._calls = 0

    def __enter__(self) -> Self:
        self._ours = not core.is_active()
        if self._ours:
            _end_in_forks()
            core.start(False, None, False)  # noqa: FBT003 - as in C: the wall probe, our requests
            self._propagation.install()
        return self

    def open(self) -> None:
        """Begin the next call."""
        self._request = core.Request(self._calls) if self._is_mine() else None
        self._calls += 1

    def close(self) -> None:
        """End it."""
        if self._request is not None:
            self._request.close()

    def _is_mine(self) -> bool:
        """Whether what the core records is this round: the arm may begin a recording of its own."""
        return self._ours and session.current is None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._propagation.remove()
        if self._is_mine():
            core.stop()
            self._rows = core.drain()

    def spans(self, began_ns: Sequence[int], latency_ns: Sequence[int]) -> Spans | None:
        """Return the spans of the last calls.

        Args:
            began_ns: When each of them began.
            latency_ns: How long each took.

        Returns:
            None where they are not all known: another recording was under way, or memory was out.
        """
        requests, spans, overflow = self._rows
        if overflow or len(request_rows(requests)) != self._calls:
            return None
        rows = span_rows(spans)
        first = self._calls - len(began_ns)
        rows = rows[rows["request_id"] >= first]
        rows = rows[np.lexsort((rows["span_id"], rows["request_id"]))]
        call = rows["request_id"] - first
        began, latency = (np.array(each, np.int64)[call] for each in (began_ns, latency_ns))
        names = core.stage_names()
        return Spans(
            call.tolist(),
            [names[code] for code in rows["stage"].tolist()],
            np.clip(rows["start_ns"] - began, 0, latency).tolist(),
            np.clip(rows["end_ns"] - began, 0, latency).tolist(),
        )


@functools.cache
def _end_in_forks() -> None:
    """See that a child forked in a round records nothing: nobody would take its rows."""
    os.register_at_fork(after_in_child=core.after_fork)
