"""The driver: carries a plan out and watches over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latprof.interrupt import graceful
from latprof.load.eventloop import Loop
from latprof.load.traffic import TIMEOUT
from latprof.load.workers import Caller, Threads

if TYPE_CHECKING:
    from latprof.load.crew import Crew
    from latprof.load.traffic import Traffic

__all__ = ["Outcome", "drive"]

_GRACE_S = 0.5
"""What workers get to leave by themselves after Ctrl-C."""


@dataclass(frozen=True)
class Outcome:
    """How a load ended.

    Args:
        interrupted: Ctrl-C ended it.
        stalled: It was given up: the target hung on too many requests, or blocked its loop.
        stuck: Calls that outlived their timeout and had not come back at the end.
        workers: Requests in flight at most; None without a limit.
    """

    interrupted: bool
    stalled: bool
    stuck: int
    workers: int | None


def drive(traffic: Traffic, timeout_s: float | None = None) -> Outcome:
    """Send all of `traffic` and return when it is through, or when Ctrl-C ended it.

    A function that takes one request at a time without a timeout runs in the calling thread, so
    that what the user set up there holds. Otherwise threads serve, and coroutine functions run on
    an event loop in a thread of its own, while the calling thread waits for Ctrl-C and timeouts.
    There must be an active recording.

    Args:
        traffic: What to send.
        timeout_s: Seconds from its start after which a request is closed as `timeout`. A
            coroutine is cancelled then; a plain call cannot be, so its thread is left behind.
    """
    workers = traffic.plan.workers
    if workers is None and not traffic.is_async:
        workers = 1
    crew = _crew(traffic, workers, timeout_s)
    traffic.begin(crew.lead_ns)
    try:
        with graceful(traffic.interrupt, crew.exposed):
            crew.start()
            _watch(crew, traffic, timeout_s)
    except KeyboardInterrupt:
        traffic.interrupt()
    if traffic.interrupted:
        _break_off(crew, traffic)
    if traffic.error is not None:
        raise traffic.error
    return Outcome(traffic.interrupted, crew.stalled, crew.stuck(), workers)


def _crew(traffic: Traffic, workers: int | None, timeout_s: float | None) -> Crew[Any]:
    if traffic.is_async:
        return Loop(traffic, workers)
    if workers == 1 and timeout_s is None:
        return Caller(traffic)
    return Threads(traffic, workers or 1)


def _watch(crew: Crew[Any], traffic: Traffic, timeout_s: float | None) -> None:
    """Wait for the load to be through; meanwhile close whatever is beyond its time."""
    timeout_ns = None if timeout_s is None else round(timeout_s * 1e9)
    while not crew.wait(_seconds_to_next(crew, traffic, timeout_ns)):
        if timeout_ns is not None:
            _expire(crew, traffic.clock.now_ns() - timeout_ns)
        if crew.stalled:
            traffic.halt()
        if crew.stalled or traffic.interrupted:
            return


def _seconds_to_next(crew: Crew[Any], traffic: Traffic, timeout_ns: int | None) -> float | None:
    """Return for how long no request, in flight or begun later, can reach its timeout."""
    if timeout_ns is None:
        return None
    now_ns = traffic.clock.now_ns()
    first_ns = min((request.started_ns for _, request in crew.in_flight()), default=now_ns)
    return max(0, first_ns + timeout_ns - now_ns) / 1e9


def _expire(crew: Crew[Any], latest_start_ns: int) -> None:
    for server, request in crew.in_flight():
        if request.started_ns <= latest_start_ns and request.close(TIMEOUT) >= 0:
            crew.traffic.settle()
            crew.relieve(server)


def _break_off(crew: Crew[Any], traffic: Traffic) -> None:
    """Close what Ctrl-C found in flight, and let the workers go."""
    for server, request in crew.in_flight():
        if traffic.abandon(request):
            crew.relieve(server)
    crew.wait(_GRACE_S)
