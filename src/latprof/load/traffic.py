"""Traffic: what all workers of one load share."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from latprof.clock import SYSTEM_CLOCK, Clock
from latprof.load.queries import Queries
from latprof.load.supply import supply
from latprof.recording.request import error_text
from latprof.run.vocabulary import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from latprof.load.pacer.sends import Sends
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
        inputs: What requests take, as the plan says: by default one after the other, over and
            over.
        plan: When, and how many.
        clock: Held by a test, else the system's.
        sends: The pacer's process, where one sends the requests of an open loop; else workers
            wait for their instants by themselves.
    """

    def __init__(
        self,
        target: Target,
        inputs: Sequence[Any],
        plan: Plan,
        clock: Clock = SYSTEM_CLOCK,
        sends: Sends | None = None,
    ) -> None:
        self.call = target.call
        self.is_async = target.is_async
        self.plan = plan
        self.take = supply(inputs, plan, self._note)
        self.clock = clock
        # Indexing a memoryview gives an int at once; an array would make a numpy scalar first.
        self.offsets = None if plan.offsets is None else plan.offsets.data
        self.pauses = None if plan.pauses is None else plan.pauses.data
        self.queries = None if plan.samples is None else Queries(plan.samples, clock)
        self.sends = sends
        self.claims: Iterator[int] = itertools.count() if sends is None else sends
        self.end = _FOREVER if plan.count is None else plan.count
        self.origin_ns = 0
        self.stop_ns = _FOREVER
        self.interrupted = False
        self.error: BaseException | None = None
        self.note: Callable[[int, Mapping[str, object]], None] = lambda _request_id, _known: None
        self.note_failure: Callable[[int, str], None] = lambda _request_id, _error: None
        self.note_batch: Callable[[int, int], None] = lambda _request_id, _batch_id: None

    def begin(self, lead_ns: int) -> None:
        """Start the clock of the plan `lead_ns` from now."""
        if self.sends is not None:
            self.sends.wait_until_ready()
            lead_ns = max(lead_ns, self.sends.lead_ns)
        self.origin_ns = self.clock.now_ns() + lead_ns
        if self.sends is not None:
            self.sends.begin(self.origin_ns)
        duration_ns = self.plan.duration_ns
        stop_ns = _FOREVER if duration_ns is None else self.origin_ns + duration_ns
        if self.queries is None:
            self.stop_ns = stop_ns
        else:  # a query that has begun is sent whole
            self.queries.begin(self.origin_ns, stop_ns)

    @property
    def is_paced(self) -> bool:
        """Whether requests have instants to be waited for, and do not just follow each other."""
        return self.offsets is not None or self.queries is not None

    @property
    def is_seamless(self) -> bool:
        """Whether nothing has to be looked at between a request and the next, not even the time."""
        return (
            self.queries is None
            and self.pauses is None
            and not self.plan.think_ns
            and self.plan.duration_ns is None
        )

    def await_arrival(self, index: int) -> int:
        """Return the instant that request `index` is intended for, once it has come.

        Where the load was told to end it returns soon, and `end` is no longer beyond `index`.
        """
        if self.queries is not None:
            return self._await_query(self.queries, index)
        intended_ns = self.origin_ns + (self.offsets[index] if self.offsets is not None else 0)
        self.sleep_until(intended_ns)
        return intended_ns

    def _await_query(self, queries: Queries, index: int) -> int:
        while index < self.end:
            issued_ns = queries.issued_ns(index)
            if issued_ns is not None:
                self.sleep_until(issued_ns)
                self.note_batch(index, index // queries.samples)
                return issued_ns
        return -1

    def arrivals(self) -> Iterator[tuple[int, int]]:
        """Yield the number and the intended instant of each request, at that instant."""
        for index in self.claims:
            if index >= self.end:
                return
            intended_ns = self.await_arrival(index)
            if index >= self.end:
                return
            yield index, intended_ns

    def pause_after(self, index: int) -> int:
        """Return for how many ns whoever sent request `index` waits before the next."""
        if self.pauses is None:
            return self.plan.think_ns
        return self.pauses[(index + 1) % len(self.pauses)]

    def conclude(self, index: int, finished_ns: int) -> bool:
        """Settle request `index`, pause as the plan says; return whether there is time for more."""
        self.settle()
        begin_ns = finished_ns + self.pause_after(index)
        if begin_ns >= self.stop_ns:
            return False
        if begin_ns > finished_ns:
            self.sleep_until(begin_ns)
        return True

    def _note(self, request_id: int, known: Mapping[str, object]) -> None:
        self.note(request_id, known)

    def settle(self) -> None:
        """Hear that a request is through, whatever became of it."""
        if self.queries is not None and not self.queries.settle():
            self.halt()

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
        if self.sends is not None:
            self.sends.release()

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
