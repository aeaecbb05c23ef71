"""Crews: the workers of a load as the thread that watches over them sees them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from threading import Event

    from latprof.load.traffic import Traffic
    from latprof.recording.core import Request

__all__ = ["Crew", "Server"]


class Server(Protocol):
    """Whoever sends one request after the other; `request` is the open one."""

    request: Request | None


S = TypeVar("S", bound=Server)


class Crew(ABC, Generic[S]):
    """Workers that serve in threads of their own while the calling thread waits.

    Args:
        traffic: What they share.
    """

    lead_ns = 0
    """The plan starts this long after the workers, so that the first arrival is not late."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self._waiting = False

    @property
    def stalled(self) -> bool:
        """Whether it is of no use to go on."""
        return False

    @abstractmethod
    def start(self) -> None:
        """Let the workers begin."""

    @abstractmethod
    def ends(self) -> Iterable[Event]:
        """Return what has to be set for the load to be through, one event for each thread.

        Joining the threads would not do: in CPython 3.11 a thread whose `join` was broken off by
        Ctrl-C counts as ended from then on.
        """

    @abstractmethod
    def servers(self) -> Iterable[S]:
        """Return the workers that serve now."""

    @abstractmethod
    def relieve(self, server: S) -> None:
        """Go on without `server`, whose request was closed for it."""

    @abstractmethod
    def stuck(self) -> int:
        """Return how many calls were given up and have not come back."""

    def wait(self, seconds: float | None) -> bool:
        """Wait for the load to be through, `seconds` at most; return whether it is."""
        end = None if seconds is None else time.monotonic() + seconds
        events = list(self.ends())
        self._waiting = True
        try:
            if self.traffic.interrupted and end is None:
                return False  # Ctrl-C came between the last look and this wait
            for event in events:
                event.wait(None if end is None else max(0.0, end - time.monotonic()))
        finally:
            self._waiting = False
        return all(event.is_set() for event in events)

    def exposed(self) -> bool:
        """Return whether Ctrl-C must break into what the calling thread does now."""
        return self._waiting

    def in_flight(self) -> Sequence[tuple[S, Request]]:
        """Return the open requests, each with who sent it."""
        # A server can close its request between two looks: take it once.
        pairs = [(server, server.request) for server in self.servers()]
        return [(server, request) for server, request in pairs if request is not None]
