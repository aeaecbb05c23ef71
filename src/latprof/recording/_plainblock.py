"""Blocks in Python: the twin of `native/blocks.h`, for machines without a C compiler."""

from __future__ import annotations

from typing import Self

from latprof.recording import _plain
from latprof.run.vocabulary import STATUSES

__all__ = ["Block"]

_ERROR = STATUSES.index("error")


class Block:
    """A `with` block that is a request, or adds its attributes to the one around it."""

    __slots__ = ("_attributes", "_opened")

    def __init__(self, /, *unnamed: object, **attributes: object) -> None:
        if unnamed:
            from latprof.recording.request import refuse_unnamed

            refuse_unnamed(unnamed[0])
        self._attributes = attributes
        self._opened: _plain.Request | None = None

    def __enter__(self) -> Self:
        """Open the request."""
        if not _plain.is_active():
            return self
        if self._opened is not None and self._opened.is_live:
            from latprof.recording.request import refuse_reentry

            refuse_reentry()
        inside = _plain.current_request_id()
        request_id = inside if inside >= 0 else _plain.next_request_id()
        if self._attributes and request_id >= 0:
            from latprof.recording.request import note_attributes

            note_attributes(request_id, self._attributes)
        if inside < 0 <= request_id:
            self._opened = _plain.Request(request_id)
        return self

    def __exit__(self, *raised: object) -> None:
        """Close it."""
        opened, self._opened = self._opened, None
        if opened is None or not opened.is_live:
            return
        error = raised[1] if len(raised) > 1 else None
        try:
            if isinstance(error, BaseException):
                from latprof.recording.request import note_failure

                note_failure(opened.request_id, error)
        finally:
            opened.close(0 if error is None else _ERROR)
