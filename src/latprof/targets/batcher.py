"""Dynamic batching in front of a target that takes a list: so that a policy can be profiled."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

from latprof.errors import TargetError, UsageError
from latprof.recording import session
from latprof.recording.batches import Member
from latprof.targets.callable import Around, Target, resolve

__all__ = ["Batcher"]

_ROUNDING_S = 1e-6  # a loop's timer may ring that much early
_NO_BATCH: list[Any] = []


class Batcher(Around):
    """A target of one input that serves requests in batches, by a target of a list of inputs.

    Requests wait until `max_batch` of them are there, or until the first of them has waited for
    `max_delay_ms`, and for the batch before to be through: one is served at a time, as by one
    instance of a model. It takes several workers, or tasks, for a batch to form: profile it under
    `Concurrent(8)` or `Poisson(rate, workers=16)`.

    In the run, each request has its `batch_id` and the attribute `batch_size`. Its wait for the
    batch to begin is a span of the stage `queue`, so the row `queue` of the breakdown holds it.
    The stages of the wrapped target run once a batch, inside the request that came first, and are
    copied to the others of the batch, since each of them waited for them: CPU time and device time
    stand with the first alone, and so does what `annotate` or an adapter notes while the batch is
    served. A sum of a stage over requests is therefore time waited for, not time computed.

    Where the wrapped target raises, each request of the batch fails with that error. A request
    that is beyond its timeout leaves its batch, if that has not begun; else the batch is served to
    its end, for the others.

    Args:
        target: Takes a list of inputs and returns as many outputs in their order (a list, a tuple,
            an array): a function, a coroutine function, or an object with such a `predict`.
            Its stages are timed, as they would be if it were profiled itself.
        max_batch: Requests in a batch at most.
        max_delay_ms: Milliseconds that the first request of a batch waits for others.

    Raises:
        UsageError: An argument is wrong; the message says what is accepted.

    Example:
        >>> import latprof as lp
        >>> def double(numbers):
        ...     return [2 * number for number in numbers]
        >>> for delay_ms in (0, 2):
        ...     target = lp.Batcher(double, max_batch=4, max_delay_ms=delay_ms)
        ...     run = lp.profile(target, range(40), lp.Concurrent(4), progress=False)
        ...     sizes = run.requests["attr.batch_size"]
        >>> int(sizes.max()) <= 4
        True
    """

    def __new__(cls, target: Any, **_policy: Any) -> Self:
        """Return what batches threads or, for a coroutine function, tasks."""
        kind: Any = cls
        if cls is Batcher:
            kind = _TaskBatcher if resolve(target).is_async else _ThreadBatcher
        return object.__new__(kind)  # type: ignore[no-any-return]

    def __init__(self, target: Any, *, max_batch: int = 8, max_delay_ms: float = 2.0) -> None:
        if not isinstance(max_batch, int) or isinstance(max_batch, bool) or max_batch < 1:
            raise UsageError(f"max_batch= is {max_batch!r}: give a whole number from 1 on")
        if not isinstance(max_delay_ms, int | float) or not 0 <= max_delay_ms < 1e6:
            raise UsageError(f"max_delay_ms= is {max_delay_ms!r}: give milliseconds from 0 on")
        self.target = target
        self.max_batch = max_batch
        self.max_delay_ms = max_delay_ms
        self._delay_s = max_delay_ms / 1e3
        self._resolved: Target = resolve(target)

    @property
    def name(self) -> str:
        """What reports call it.

        >>> Batcher(len, max_batch=4).name
        'Batcher(builtins.len, max_batch=4, max_delay_ms=2)'
        """
        policy = f"max_batch={self.max_batch}, max_delay_ms={self.max_delay_ms:g}"
        return f"Batcher({self._resolved.name}, {policy})"

    @abstractmethod
    def __call__(self, value: Any, /) -> Any:
        """Return the output for one input, once its batch was served."""


class _Call:
    """One request: its input, and what came of it."""

    def __init__(self, value: Any, patience_s: float) -> None:
        self.value = value
        self.due_s = time.monotonic() + patience_s
        self.is_answered = False
        self.output: Any = None
        self.error: BaseException | None = None
        self.member = Member.here() if session.current is not None else None

    def outcome(self) -> Any:
        """Return the output, or raise what the batch raised."""
        if self.error is not None:
            raise self.error
        return self.output


class _Served:
    """A batch under way, as the recording sees it; nothing where nothing is recorded."""

    def __init__(self, calls: Sequence[_Call]) -> None:
        members = [call.member for call in calls if call.member is not None]
        recorder = session.current
        self._batch = recorder.gather(members) if recorder is not None and members else None

    def end(self) -> None:
        if self._batch is not None:
            self._batch.end()


def _checked(outputs: Any, size: int) -> list[Any]:
    """Return outputs as a list; refuse what is not one for each input."""
    if isinstance(outputs, Mapping | str | bytes) or not hasattr(outputs, "__len__"):
        found = f"{type(outputs).__name__}"
    elif len(outputs) == size:
        return list(outputs)
    else:
        found = f"{len(outputs)} outputs"
    raise TargetError(
        f"the batched target returned {found} for a batch of {size}: "
        "return a list with one output for each input, in their order"
    )


class _ThreadCall(_Call):
    """A request whose thread sleeps until something has changed for it."""

    def __init__(self, value: Any, patience_s: float) -> None:
        super().__init__(value, patience_s)
        self.thread = threading.get_ident()
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def sleep(self, seconds: float) -> None:
        """Sleep until `wake`, for so many seconds at most; -1 for no limit."""
        self._sleep.acquire(timeout=seconds)

    def wake(self) -> None:
        """Let it look again. Only with the batcher's lock held, so that no two wake it at once."""
        if self._sleep.locked():
            self._sleep.release()


class _ThreadBatcher(Batcher):
    """Leader and followers: whoever stands first when a batch can begin serves it for all.

    So there is no thread that would have to be ended, and no hand-over to it and back.
    """

    def __init__(self, target: Any, **policy: Any) -> None:
        super().__init__(target, **policy)
        self._lock = threading.RLock()  # of its thread: one that Ctrl-C has left closed still opens
        self._waiting: list[_ThreadCall] = []
        self._server: int | None = None  # the thread that serves a batch

    def __call__(self, value: Any, /) -> Any:
        call = _ThreadCall(value, self._delay_s)
        self._join(call)
        try:
            while not call.is_answered:
                batch, patience_s = self._next(call)
                if batch:
                    self._serve(batch)
                else:
                    call.sleep(patience_s)
        finally:
            self._leave(call)
        return call.outcome()

    def _join(self, call: _ThreadCall) -> None:
        with self._lock:
            # Ctrl-C can break a call off at any point; what it left is of this thread, which has
            # one call at a time.
            if self._server == call.thread:
                self._server = None
            self._waiting = [each for each in self._waiting if each.thread != call.thread]
            self._waiting.append(call)
            if len(self._waiting) == self.max_batch and self._server is None:
                self._waiting[0].wake()

    def _next(self, call: _ThreadCall) -> tuple[list[_ThreadCall], float]:
        """Return the batch that `call` is to serve now, or none and how long it may sleep."""
        with self._lock:
            if call.is_answered or self._server is not None or self._waiting[0] is not call:
                return _NO_BATCH, -1
            left_s = call.due_s - time.monotonic()
            if len(self._waiting) < self.max_batch and left_s > 0:
                return _NO_BATCH, left_s
            batch = self._waiting[: self.max_batch]
            del self._waiting[: self.max_batch]
            self._server = call.thread
            return batch, 0

    def _serve(self, batch: list[_ThreadCall]) -> None:
        served = _Served(batch)
        try:
            outputs = self._resolved.call([call.value for call in batch])
            for call, output in zip(batch, _checked(outputs, len(batch)), strict=True):
                call.output = output
        except BaseException as error:  # noqa: BLE001 - each request raises it
            for call in batch:
                call.error = error
        finally:
            served.end()
            self._answer(batch)

    def _answer(self, batch: list[_ThreadCall]) -> None:
        with self._lock:
            self._server = None
            for call in batch:
                call.is_answered = True
                call.wake()
            if self._waiting:
                self._waiting[0].wake()

    def _leave(self, call: _ThreadCall) -> None:
        """Take out a call that was broken off while it waited."""
        if call.is_answered:
            return
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
            if self._waiting:
                self._waiting[0].wake()


class _TaskCall(_Call):
    """A request of a task. The batch that it leads runs in a copy of its context."""

    def __init__(self, value: Any, patience_s: float) -> None:
        super().__init__(value, patience_s)
        self.context = contextvars.copy_context()
        self.answered = asyncio.get_running_loop().create_future()

    def answer(self) -> None:
        """Wake its task, unless that was cancelled."""
        self.is_answered = True
        if not self.answered.done():
            self.answered.set_result(None)


class _TaskBatcher(Batcher):
    """Each batch is a task of its own: a request that is cancelled does not end it for others.

    The delay is as exact as the timers of the event loop, which round to milliseconds.
    """

    def __init__(self, target: Any, **policy: Any) -> None:
        super().__init__(target, **policy)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[_TaskCall] = []
        self._server: asyncio.Task[None] | None = None

    async def __call__(self, value: Any, /) -> Any:
        self._settle_in(asyncio.get_running_loop())
        call = _TaskCall(value, self._delay_s)
        self._waiting.append(call)
        timer = call.answered.get_loop().call_later(self._delay_s, self._look)
        try:
            self._look()
            await call.answered
        finally:
            timer.cancel()
            if call in self._waiting:
                self._waiting.remove(call)
        return call.outcome()

    def _settle_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what a loop has left that is gone."""
        if self._loop is not loop:
            self._loop, self._waiting, self._server = loop, [], None

    def _look(self) -> None:
        """Begin a batch, if there is one to begin."""
        if self._server is not None or not self._waiting or self._loop is None:
            return
        left_s = self._waiting[0].due_s - time.monotonic()
        if len(self._waiting) < self.max_batch and left_s > _ROUNDING_S:
            return
        batch = self._waiting[: self.max_batch]
        del self._waiting[: self.max_batch]
        self._server = self._loop.create_task(self._serve(batch), context=batch[0].context)

    async def _serve(self, batch: list[_TaskCall]) -> None:
        served = _Served(batch)
        try:
            outputs = await self._resolved.call([call.value for call in batch])
            for call, output in zip(batch, _checked(outputs, len(batch)), strict=True):
                call.output = output
        except BaseException as error:  # noqa: BLE001 - each request raises it
            for call in batch:
                call.error = error
        finally:
            served.end()
            for call in batch:
                call.answer()
            self._server = None
            # Not at once: where the loop is about to end, the others are being cancelled too.
            asyncio.get_running_loop().call_soon(self._look)
