"""Traffic: what all workers of one load share."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from latprof.clock import SYSTEM_CLOCK, Clock
from latprof.recording.request import error_text
from latprof.run.vocabulary import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latprof.load.scenarios import Plan
    from latprof.recording.core import Request
    from latprof.targets.callable import Target

__all__ = ["ERROR", "INTERRUPTED", "OK", "TIMEOUT", "Traffic"]

OK, ERROR, TIMEOUT = (STATUSES.index(status) for status in ("ok", "error", "timeout"))

INTERRUPTED = "interrupted"
"""The error of a request that Ctrl-C cut short."""

_FOREVER = sys.maxsize
_DOZE_NS = 250_000_000
"""The longest single sleep: a load that is told to end wakes its sleepers within this."""


class Traffic:
    """What is sent, when, and whether to go on: shared by the workers without a lock.

    A worker takes the next of `claims` (an `itertools.count`, whose `next` is atomic), sends that
    request if it lies before `end`, and leaves otherwise. Whoever wants the load to end lowers
    `end`, so the loop has one thing to look at.

    Args:
        target: What is called.
        inputs: Request i gets `inputs[i % len(inputs)]`.
        plan: When, and how many.
        clock: Held by a test, else the system's.
    """

    def __init__(
        self, target: Target, inputs: Sequence[Any], plan: Plan, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.call = target.call
        self.is_async = target.is_async
        self.inputs = inputs
        self.plan = plan
        self.clock = clock
        # Indexing a memoryview gives an int at once; an array would make a numpy scalar first.
        self.offsets = None if plan.offsets is None else plan.offsets.data
        self.claims = itertools.count()
        self.end = _FOREVER if plan.count is None else plan.count
        self.origin_ns = 0
        self.stop_ns = _FOREVER
        self.interrupted = False
        self.error: BaseException | None = None
        self.note_failure: Callable[[int, str], None] = lambda _request_id, _error: None

    def begin(self, lead_ns: int) -> None:
        """Start the clock of the plan `lead_ns` from now."""
        self.origin_ns = self.clock.now_ns() + lead_ns
        if self.plan.duration_ns is not None:
            self.stop_ns = self.origin_ns + self.plan.duration_ns

    def sleep_until(self, instant_ns: int) -> None:
        """Return at `instant_ns`, or soon after the load was told to end."""
        now_ns, sleep_until_ns = self.clock.now_ns, self.clock.sleep_until_ns
        while (latest_ns := now_ns() + _DOZE_NS) < instant_ns and self.end:
            sleep_until_ns(latest_ns)
        if self.end:
            sleep_until_ns(instant_ns)

    def fail(self, request_id: int, error: BaseException) -> None:
        """Keep what the target raised, for the row that is about to be closed.

        Whatever it raises becomes an error of its request, SystemExit too, since a target must
        not end its caller. Only KeyboardInterrupt is the user's: it ends the load.
        """
        if isinstance(error, KeyboardInterrupt):
            self.interrupt()
            self.note_failure(request_id, INTERRUPTED)
        else:
            self.note_failure(request_id, error_text(error))

    def is_over(self) -> bool:
        """Return whether no further request is to be sent."""
        return not self.end or self.clock.now_ns() >= self.stop_ns

    def halt(self) -> None:
        """Let requests in flight finish and send no more."""
        self.end = 0

    def interrupt(self) -> None:
        """Send no more, since somebody pressed Ctrl-C."""
        self.interrupted = True
        self.halt()

    def break_down(self, error: BaseException) -> None:
        """Send no more, since a worker failed at its own work: whoever drives raises `error`."""
        self.error = error
        self.halt()

    def abandon(self, request: Request) -> bool:
        """Close a request that Ctrl-C cut short; return False where it had closed by itself."""
        self.note_failure(request.request_id, INTERRUPTED)
        return request.close(ERROR) >= 0
