"""Which recorder is at work in this process: at most one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from latprof.errors import RecordingError
from latprof.recording import core

if TYPE_CHECKING:
    from latprof.recording.batches import Batch, Member

__all__ = ["Clock", "Lap", "Session", "activate", "current", "deactivate"]


class Lap(NamedTuple):
    """What a device did for one stage.

    Attributes:
        span_id: Of the span that it belongs to.
        device_ns: Between the stage's two marks on the stream.
        issue_ns: What the host took to issue the work.
    """

    span_id: int
    device_ns: int
    issue_ns: int


class Clock(Protocol):
    """A clock on a device, whose laps become known later than the spans that they belong to."""

    def drain(self, recorder: Session, *, wait: bool = False) -> list[Lap]:
        """Return the laps of a recording that are known by now, or after waiting for the rest."""
        ...


class Session(Protocol):
    """What marks in the code under test need of a recorder."""

    def note(self, request_id: int, attributes: Mapping[str, object]) -> None:
        """Add attributes to an open request."""
        ...

    def see(self, request_id: int, sighting: tuple[Any, ...]) -> None:
        """Put down what an adapter saw in an open request."""
        ...

    def batch(self, request_id: int, batch_id: int) -> None:
        """Say which batch an open request belongs to."""
        ...

    def fail(self, request_id: int, error: str) -> None:
        """Say why an open request fails."""
        ...

    def gather(self, members: Sequence[Member]) -> Batch:
        """Note that open requests are served together from now on."""
        ...

    def watch(self, clock: Clock) -> None:
        """Read the laps of `clock` from now on. Watching again does nothing."""
        ...

    def after_fork(self) -> None:
        """In a forked child: take off whatever was put around the code."""
        ...


current: Session | None = None
"""The recorder at work. A variable: a call would cost each request some microseconds."""

_watches_forks = False


def activate(session: Session) -> None:
    """Make `session` the one at work.

    Raises:
        RecordingError: There is one already.
    """
    global current, _watches_forks  # noqa: PLW0603 - one recording a process: this is its place
    if not _watches_forks:
        os.register_at_fork(after_in_child=_forget)
        _watches_forks = True
    if current is not None:
        raise RecordingError("a recording is under way in this process: end it before the next")
    current = session


def deactivate() -> None:
    """Nothing is recorded from here on."""
    global current  # noqa: PLW0603 - see activate
    current = None


def _forget() -> None:
    """In a forked child: the recording is the parent's."""
    if current is not None:
        current.after_fork()
    deactivate()
    core.after_fork()
