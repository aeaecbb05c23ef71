"""Workers: threads that each claim the next arrival, wait for its instant and send it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from latprof.errors import UsageError
from latprof.load.crew import Crew
from latprof.load.items import LAZY, consume
from latprof.load.slack import no_slack
from latprof.load.traffic import ERROR, OK, Traffic
from latprof.recording.core import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Caller", "Threads", "Worker"]

_MOST_STUCK = 256
"""A target that hangs on every request would otherwise take a thread for each."""


class Worker:
    """One server of the queue. It has no dispatcher before it that could add a wait of its own."""

    __slots__ = ("number", "request", "traffic")

    def __init__(self, traffic: Traffic, number: int) -> None:
        self.traffic = traffic
        self.number = number
        self.request: Request | None = None

    def serve(self) -> None:
        """Send requests until the load ends, or until this worker's request was closed for it."""
        traffic, number = self.traffic, self.number
        call, take, is_paced = traffic.call, traffic.take, traffic.is_paced
        is_seamless = traffic.is_seamless
        intended_ns = -1
        for index in traffic.claims:
            if index >= traffic.end:
                return
            value = take(index)
            if is_paced:
                intended_ns = traffic.await_arrival(index)
                if index >= traffic.end:
                    return
            self.request = request = Request(index, intended_ns, number)
            status = OK
            try:
                result = call(value)
                if result.__class__ in LAZY:
                    consume(result, self)
            except BaseException as error:  # noqa: BLE001 - whatever it raises is an error row
                status = ERROR
                if self.request is not None:  # else it was closed for this worker long ago
                    traffic.fail(index, error)
            finished_ns = request.close(status)
            self.request = None
            if finished_ns < 0:  # closed for this worker, and settled by whoever did
                return
            if not (is_seamless or traffic.conclude(index, finished_ns)):
                return


class Caller(Crew[Worker]):
    """The one worker of a load without a timeout: the calling thread itself.

    So what the user set up in this thread (torch's grad mode, a SQLite connection, a pool bound
    to it) is what the target sees.
    """

    def __init__(self, traffic: Traffic) -> None:
        super().__init__(traffic)
        self._worker = Worker(traffic, 0)

    def start(self) -> None:
        """Nothing to start: waiting is serving."""

    def wait(self, _seconds: float | None) -> bool:
        """Serve the whole load."""
        with no_slack():
            self._worker.serve()
        return True

    def exposed(self) -> bool:
        """Return whether the target runs: then Ctrl-C must break into it."""
        return self._worker.request is not None

    def ends(self) -> Sequence[threading.Event]:
        """Return none."""
        return ()

    def servers(self) -> Sequence[Worker]:
        """Return the one."""
        return (self._worker,)

    def relieve(self, server: Worker) -> None:
        """Forget the request, which was closed."""
        server.request = None

    def stuck(self) -> int:
        """Return 0: only the end of a call leads out of this crew."""
        return 0


class Threads(Crew[Worker]):
    """Several workers, or a load with a timeout.

    A call cannot be broken off. Where one outlives its timeout, its row is closed and its thread
    left behind; a fresh one takes its place.

    Args:
        traffic: What they share.
        count: How many.
    """

    lead_ns = 5_000_000

    def __init__(self, traffic: Traffic, count: int) -> None:
        super().__init__(traffic)
        self._serving = [_Thread(traffic, number) for number in range(count)]
        self._left_behind: list[_Thread] = []

    @property
    def stalled(self) -> bool:
        """Whether so many calls hang that it is of no use to go on."""
        return self.stuck() >= _MOST_STUCK

    def start(self) -> None:
        """Start the threads.

        Raises:
            UsageError: The system refuses that many.
        """
        try:
            for thread in self._serving:
                thread.start()
        except RuntimeError as error:
            self.traffic.halt()
            raise UsageError(
                f"this machine cannot start {len(self._serving):,} threads: ask for fewer workers"
            ) from error

    def ends(self) -> Sequence[threading.Event]:
        """Return those of the threads not left behind."""
        return [thread.ended for thread in self._serving]

    def servers(self) -> Sequence[Worker]:
        """Return their workers."""
        return [thread.worker for thread in self._serving]

    def relieve(self, server: Worker) -> None:
        """Leave the thread of `server` behind and start another."""
        server.request = None
        thread = next(each for each in self._serving if each.worker is server)
        self._serving.remove(thread)
        self._left_behind.append(thread)
        if not self.traffic.is_over():
            fresh = _Thread(self.traffic, server.number)
            fresh.start()
            self._serving.append(fresh)

    def stuck(self) -> int:
        """Return how many of the threads left behind still run."""
        return sum(not thread.ended.is_set() for thread in self._left_behind)


class _Thread(threading.Thread):
    def __init__(self, traffic: Traffic, number: int) -> None:
        super().__init__(name=f"latprof-worker-{number}", daemon=True)
        self.worker = Worker(traffic, number)
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            with no_slack():
                self.worker.serve()
        except BaseException as error:  # noqa: BLE001 - raised again where the load is driven
            self.worker.traffic.break_down(error)
        finally:
            self.ended.set()
