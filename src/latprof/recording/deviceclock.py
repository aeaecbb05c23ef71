"""The clock on a device: events that its streams stamp, read once they have been reached.

What a stage issues is done later, so the host's clock around it does not show it. Marks are events
recorded on the stream; adjacent stages share one, so that the stages of a call tile it exactly.
Nothing waits for them inside the pipeline: the recorder's thread reads them later, and they go back
to a pool. Between two marks the device may also have been idle: where the host issues more slowly
than the device works, that is what they show, hence the time of issuing beside it.

Written on `torch.Event` and `torch.accelerator` alone. Tests run these lines on an accelerator
that is simulated on the CPU; of GPUs they have run on one, an NVIDIA H200.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from latprof.recording import core, session
from latprof.recording.session import Lap, Session
from latprof.run.text import one_line

__all__ = ["DeviceClock", "EventClock", "WaitingClock", "device_clock"]

FIRST_EVENTS = 64
# pytorch issues 162872, 193578 and 196395: they hang, and run backwards.
UNTRUSTED = {"mps": "events of MPS are not to be trusted"}


class DeviceClock(Protocol):
    """How stages on a device are timed: by events, or by waiting for it.

    Attributes:
        timing: In words, as `describe()` of a model says it.
    """

    timing: str

    def call(self) -> AbstractContextManager[None]:
        """Return a context in which stages follow each other, so that they share marks."""
        ...

    def stage(self) -> AbstractContextManager[None]:
        """Return a context that times what is issued in it for the innermost open span."""
        ...

    def wait(self) -> None:
        """Wait until the device has done what this thread issued: before its results are read."""
        ...


class _Chain:
    """Marks in a row on one stream, and what was issued between them."""

    __slots__ = ("issued", "marks", "recorder", "stream")

    def __init__(self, recorder: Session, stream: Any) -> None:
        self.recorder = recorder
        self.stream = stream
        self.marks: list[Any] = []
        self.issued: list[tuple[int, int]] = []  # span_id and issue_ns

    def laps(self) -> Iterator[Lap]:
        """Yield the laps, cut from one axis: they add up to the time from first to last mark."""
        first, *others = self.marks
        offsets_ms = (first.elapsed_time(mark) for mark in others)
        # Single precision may let a stamp seem to lie before the one ahead of it.
        places = itertools.accumulate((round(ms * 1e6) for ms in offsets_ms), max, initial=0)
        steps = itertools.pairwise(places)
        for (begin, end), (span_id, issue_ns) in zip(steps, self.issued, strict=True):
            if span_id >= 0:
                yield Lap(span_id, end - begin, issue_ns)


class _Here(threading.local):
    """What a thread is in the midst of."""

    chain: _Chain | None = None


class EventClock:
    """Times stages by events on a stream, for the recording that is under way.

    Each lap is for the span that is the innermost one where the stage begins; several laps within
    one span are added up. While nothing is recorded it marks nothing.

    Args:
        torch: The imported package.
        device: The `torch.device`.
        stream: Marks go on this one; None for the current one of each calling thread.

    Raises:
        Exception: Whatever torch says where the device has no events that tell times.

    Example:
        >>> clock = EventClock(torch, torch.device("cuda:0"))  # doctest: +SKIP
        >>> with clock.call():  # doctest: +SKIP
        ...     with lp.stage("h2d"), clock.stage():
        ...         moved = batch.to("cuda:0", non_blocking=True)
        ...     with lp.stage("forward"), clock.stage():
        ...         output = model(moved)
    """

    timing = "events on the device's stream, read later; the time to issue beside them"

    def __init__(self, torch: Any, device: Any, stream: Any = None) -> None:
        self._torch, self._device, self._stream = torch, device, stream
        self._here = _Here()
        self._pending: deque[_Chain] = deque()
        self._reading = threading.Lock()
        self._pool = [self._event() for _ in range(FIRST_EVENTS)]
        self._try_out()

    def _try_out(self) -> None:
        first, last = self._pool[:2]
        for event in (first, last):
            event.record(self._current())
        last.synchronize()
        first.elapsed_time(last)

    def _event(self) -> Any:
        return self._torch.Event(self._device, enable_timing=True)

    def mark(self, stream: Any) -> Any:
        """Record an event from the pool on `stream`, and return it."""
        try:
            event = self._pool.pop()
        except IndexError:
            event = self._event()
        event.record(stream)
        return event

    def _current(self) -> Any:
        # Asked by device: left to itself, an event goes on a stream of the device that is current.
        return self._stream or self._torch.accelerator.current_stream(self._device)

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Return a context in which stages follow each other, so that they share marks."""
        recorder = session.current
        if recorder is None or self._here.chain is not None:
            yield
            return
        chain = self._here.chain = _Chain(recorder, self._current())
        try:
            yield
        finally:
            self._here.chain = None
            self._post(chain)

    @contextlib.contextmanager
    def stage(self) -> Iterator[None]:
        """Return a context that times what is issued in it; where that fails, there is no lap."""
        chain = self._here.chain
        if chain is not None:
            span_id = core.current_span_id()
            if not chain.marks:
                chain.marks.append(self.mark(chain.stream))
            began_ns = core.now_ns()
            yield
            issue_ns = core.now_ns() - began_ns
            chain.marks.append(self.mark(chain.stream))
            chain.issued.append((span_id, max(issue_ns, 0)))
        elif session.current is None:
            yield
        else:
            with self.call(), self.stage():
                yield

    def _post(self, chain: _Chain) -> None:
        if chain.issued:
            self._pending.append(chain)
            chain.recorder.watch(self)
        else:
            self._pool += chain.marks

    def wait(self) -> None:
        """Wait until the device has done what this thread issued: before its results are read."""
        event = self.mark(self._current())
        event.synchronize()
        self._pool.append(event)

    def drain(self, recorder: Session, *, wait: bool = False) -> list[Lap]:
        """Return the laps of a recording whose marks were reached, each once.

        Args:
            recorder: Of the recording; what an earlier one has left is dropped.
            wait: Synchronise with the device first, so that none is left.
        """
        if wait and self._pending:
            self._torch.accelerator.synchronize(self._device)
        laps: list[Lap] = []
        with self._reading:
            for _ in range(len(self._pending)):
                chain = self._pending.popleft()
                if not chain.marks[-1].query():
                    self._pending.append(chain)
                    continue
                if chain.recorder is recorder:
                    laps.extend(chain.laps())
                self._pool += chain.marks
        return laps


class WaitingClock:
    """Times stages on a device without events: each ends by waiting for the device.

    The host's clock then shows when the work was done. Spans get no `device_ns`.

    Args:
        torch: The imported package.
        device: The `torch.device`.
        reason: Why there are no events.
    """

    def __init__(self, torch: Any, device: Any, reason: str) -> None:
        self.timing = f"host clock, the device synchronised after each stage: {reason}"
        self._torch, self._device = torch, device

    def call(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: stages that wait share nothing."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def stage(self) -> Iterator[None]:
        """Return a context that waits for the device when it is left."""
        yield
        self.wait()

    def wait(self) -> None:
        """Wait until the device has done all that was issued."""
        self._torch.accelerator.synchronize(self._device)


def device_clock(torch: Any, device: Any, stream: Any = None) -> DeviceClock:
    """Return the clock for a device: by events where it has them, else by waiting.

    Args:
        torch: The imported package.
        device: The `torch.device`.
        stream: Of an `EventClock`.
    """
    if device.type in UNTRUSTED:
        return WaitingClock(torch, device, UNTRUSTED[device.type])
    try:
        return EventClock(torch, device, stream)
    except Exception as error:  # noqa: BLE001 - what backends say to events is no closed list
        return WaitingClock(torch, device, f"no events there: {one_line(error)}")
