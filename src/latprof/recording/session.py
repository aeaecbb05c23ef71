"""Which recorder is at work in this process: at most one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from latprof.errors import RecordingError
from latprof.recording import core

__all__ = ["Session", "activate", "active", "deactivate"]


class Session(Protocol):
    """What marks in the code under test need of a recorder."""

    takes_requests: bool

    def new_request_id(self) -> int:
        """Return an id that no request has yet."""
        ...

    def note(self, request_id: int, attributes: Mapping[str, object]) -> None:
        """Add attributes to an open request."""
        ...

    def fail(self, request_id: int, error: str) -> None:
        """Say why an open request fails."""
        ...

    def after_fork(self) -> None:
        """In a forked child: take off whatever was put around the code."""
        ...


_active: Session | None = None
_watches_forks = False


def active() -> Session | None:
    """Return the recorder at work, or None."""
    return _active


def activate(session: Session) -> None:
    """Make `session` the one at work.

    Raises:
        RecordingError: There is one already.
    """
    global _active, _watches_forks  # noqa: PLW0603 - one recording a process: this is its place
    if not _watches_forks:
        os.register_at_fork(after_in_child=_forget)
        _watches_forks = True
    if _active is not None:
        raise RecordingError("a recording is under way in this process: end it before the next")
    _active = session


def deactivate() -> None:
    """Nothing is recorded from here on."""
    global _active  # noqa: PLW0603 - see activate
    _active = None


def _forget() -> None:
    """In a forked child: the recording is the parent's."""
    if _active is not None:
        _active.after_fork()
    deactivate()
    core.after_fork()
