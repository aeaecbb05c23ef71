"""The event loop of async targets: a thread of its own, whatever loop the caller runs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any

from latprof.load.crew import Crew
from latprof.load.items import LAZY, consume_async
from latprof.load.slack import no_slack
from latprof.load.traffic import ERROR, OK
from latprof.recording.core import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latprof.load.traffic import Traffic

__all__ = ["Loop"]

_PATIENCE_S = 30.0
"""A loop that has not answered for this long is blocked for good."""
_GRACE_S = 1.0
"""What cancelled tasks get to clean up at the end."""
_DOZE_S = 0.25
"""The longest pause in which a task does not look whether the load goes on."""


class Loop(Crew["_Task"]):
    """Workers that are tasks of one event loop.

    Arrivals of an open loop come from a thread that sleeps to each instant and wakes the loop:
    the loop's own timers are whole milliseconds. Where the plan sets no limit to the requests in
    flight, an arrival that finds no idle task gets a new one.

    Args:
        traffic: What they share.
        count: How many tasks; None for as many as the arrivals need.
    """

    lead_ns = 10_000_000

    def __init__(self, traffic: Traffic, count: int | None) -> None:
        super().__init__(traffic)
        self._count = count
        self._numbers = itertools.count()
        self._serving: set[_Task] = set()
        self._left_behind: list[_Task] = []
        self._asked_at: float | None = None
        self._loop = asyncio.new_event_loop()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latprof-loop", daemon=True)
        # From here on, only the loop's thread.
        self._arrivals: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
        self._idle = 0
        self._all_arrived = not traffic.is_paced
        self._ended = asyncio.Event()

    # ---- the watching thread

    @property
    def stalled(self) -> bool:
        """Whether the target blocks the loop, so that nothing can be cancelled or sent."""
        asked_at = self._asked_at
        return asked_at is not None and time.monotonic() - asked_at > _PATIENCE_S

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def ends(self) -> Sequence[threading.Event]:
        """Return the loop's."""
        return (self._closed,)

    def servers(self) -> Sequence[_Task]:
        """Return the tasks that serve."""
        return list(self._serving)

    def relieve(self, server: _Task) -> None:
        """Cancel the task of `server` and let the loop start another."""
        server.request = None
        self._left_behind.append(server)
        self._asked_at = self._asked_at or time.monotonic()
        self._post(self._replace, server)

    def stuck(self) -> int:
        """Return how many tasks still run, though they were cancelled."""
        return sum(not server.task.done() for server in self._left_behind)

    def _post(self, callback: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(callback, *arguments)

    # ---- the thread that paces

    def _pace(self) -> None:
        traffic = self.traffic
        try:
            with no_slack():
                for index, intended_ns in traffic.arrivals():
                    self._post(self._arrive, index, intended_ns)
        finally:
            self._post(self._end_arrivals)

    # ---- the loop's thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(_clean_up())
        except (KeyboardInterrupt, SystemExit):  # from a task that the target left running
            self.traffic.interrupt()
        except BaseException as error:  # noqa: BLE001 - raised again where the load is driven
            self.traffic.break_down(error)
        finally:
            self._loop.close()
            self._closed.set()

    async def _serve(self) -> None:
        for _ in range(self._count or 0):
            self._hire(next(self._numbers))
        if not self._all_arrived:
            threading.Thread(target=self._pace, name="latprof-pacer", daemon=True).start()
        await self._ended.wait()

    def _hire(self, number: int) -> None:
        self._serving.add(_Task(self, number))

    def _arrive(self, index: int, intended_ns: int) -> None:
        self._arrivals.put_nowait((index, intended_ns))
        if self._count is None and self._arrivals.qsize() > self._idle:
            self._hire(next(self._numbers))

    def _end_arrivals(self) -> None:
        self._all_arrived = True
        for _ in self._serving:
            self._arrivals.put_nowait(None)
        self._end_when_empty()

    def _replace(self, worker: _Task) -> None:
        self._asked_at = None
        worker.task.cancel()
        if not self.traffic.is_over():
            self._hire(worker.number)
        self.leave(worker)

    def leave(self, worker: _Task) -> None:
        """Note that `worker` serves no longer."""
        self._serving.discard(worker)
        self._end_when_empty()

    def _end_when_empty(self) -> None:
        if self._all_arrived and not self._serving:
            self._ended.set()

    async def next_arrival(self) -> tuple[int, int] | None:
        """Return the next request's number and intended instant; None where there is none."""
        if not self.traffic.is_paced:
            # A target that never waits would otherwise keep the loop to one worker.
            await asyncio.sleep(0)
            return next(self.traffic.claims), -1
        self._idle += 1
        try:
            return await self._arrivals.get()
        finally:
            self._idle -= 1


class _Task:
    """One worker: it serves until the load ends, or until its request was closed for it."""

    __slots__ = ("_crew", "_traffic", "number", "request", "task")

    def __init__(self, crew: Loop, number: int) -> None:
        self._crew = crew
        self._traffic = crew.traffic
        self.number = number
        self.request: Request | None = None
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        relieved = False
        try:
            relieved = await self._serve()
        except Exception as error:  # noqa: BLE001 - raised again where the load is driven
            self._traffic.break_down(error)
        if not relieved:  # else the loop was asked to replace it, and is about to
            self._crew.leave(self)

    async def _serve(self) -> bool:
        """Send requests until the load ends; return whether one was closed for this worker."""
        while (arrival := await self._crew.next_arrival()) is not None:
            index, intended_ns = arrival
            if index >= self._traffic.end:
                return False
            finished_ns = await self._send(index, intended_ns)
            if finished_ns < 0:
                return True
            self._traffic.settle()
            if not await self._think(index, finished_ns):
                return False
        return False

    async def _send(self, index: int, intended_ns: int) -> int:
        traffic = self._traffic
        value = traffic.take(index)
        self.request = request = Request(index, intended_ns, self.number)
        status = OK
        try:
            answer = traffic.call(value)
            if answer.__class__ is not AsyncGeneratorType:
                answer = await answer
            if answer.__class__ in LAZY:
                await consume_async(answer, self)
        except BaseException as error:  # noqa: BLE001 - whatever a target raises is an error row
            status = ERROR
            if self.request is not None:  # else it was closed for this task, then cancelled
                traffic.fail(index, error)
        finished_ns = request.close(status)
        self.request = None
        return finished_ns

    async def _think(self, index: int, finished_ns: int) -> bool:
        """Pause as the plan says; return whether there is time for another request."""
        traffic = self._traffic
        begin_ns = finished_ns + traffic.pause_after(index)
        if begin_ns >= traffic.stop_ns:
            return False
        while traffic.end and (left_ns := begin_ns - traffic.clock.now_ns()) > 0:
            await asyncio.sleep(min(left_ns / 1e9, _DOZE_S))
        return True


async def _clean_up() -> None:
    """Cancel what still runs and give it a moment; a task that refuses is left behind."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE_S)
    await asyncio.get_running_loop().shutdown_asyncgens()
