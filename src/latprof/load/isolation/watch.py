"""The watch over an isolated load: hears its messages, forwards Ctrl-C, knows when it is over."""

from __future__ import annotations

import signal
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from latprof.interrupt import graceful
from latprof.recording.recorder import Counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from latprof.load.isolation.process import Process
    from latprof.load.pacer.launch import Pacer

__all__ = ["End", "Watch"]

_LOOK_S = 0.1
_GRACE_S = 5.0
"""What a target gets to end after Ctrl-C before its process is killed."""
_PATIENCE_S = 10.0
"""Silence beyond the timeout of a request: counts come twice a second from a thread that lives."""
_FAREWELL_S = 10.0
"""What a service gets to close after the load."""
_DUMP_S = 2.0


class End(Enum):
    """How a load ended."""

    DONE = auto()
    FAILED = auto()
    INTERRUPTED = auto()
    HUNG = auto()
    DIED = auto()


class Watch:
    """Follows one load to its end.

    Args:
        process: Of the target.
        pacer: Of an open loop.
        timeout_s: Of a request.
        show: Called with the counts as they come.

    Attributes:
        counts: The last that were heard; None before the recording began.
        failure: What the other side said of its failure.
        pacer_failed: Whether the pacer ended before its work was done.
    """

    def __init__(
        self,
        process: Process,
        pacer: Pacer | None,
        timeout_s: float | None,
        show: Callable[[Counts], None],
    ) -> None:
        self.counts: Counts | None = None
        self.failure: dict[str, Any] = {}
        self.pacer_failed = False
        self._process, self._pacer = process, pacer
        self._timeout_s, self._show = timeout_s, show
        self._recorded_s: float | None = None
        self._interrupted_s: float | None = None
        self._heard_s = time.monotonic()

    def follow(self) -> End:
        """Return once the load is over; the process may still run then.

        Raises:
            KeyboardInterrupt: Ctrl-C came before the recording had begun, or a second time.
        """
        with graceful(self._interrupt, lambda: False):
            end = None
            while end is None:
                if self._interrupted_s is not None and self.counts is None:
                    raise KeyboardInterrupt
                end = self._hear() or self._look()
            return end

    def _interrupt(self) -> None:
        self._interrupted_s = time.monotonic()
        if self.counts is not None and self._recorded_s is None:
            self._process.send_signal(signal.SIGINT)

    def _hear(self) -> End | None:
        try:
            message = self._process.receive(_LOOK_S)
        except EOFError:
            return self._end_without_word()
        if message is None:
            return None
        self._heard_s = time.monotonic()
        if "counts" in message:
            self.counts = Counts(**message["counts"])
            self._show(self.counts)
        elif "recorded" in message:
            self._recorded_s = self._heard_s
        elif "done" in message:
            return End.DONE
        else:
            self.failure = message
            interrupted = message.get("error") == "KeyboardInterrupt"
            return End.INTERRUPTED if interrupted else End.FAILED
        return None

    def _end_without_word(self) -> End:
        if self._recorded_s is not None:
            return End.DONE
        return End.DIED if self._interrupted_s is None else End.INTERRUPTED

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C came, be it when all was recorded: then too it is to end what runs."""
        return self._interrupted_s is not None

    @property
    def recorded(self) -> bool:
        """Whether the whole load was recorded, whatever came afterwards."""
        return self._recorded_s is not None

    def _look(self) -> End | None:
        now_s = time.monotonic()
        if self._recorded_s is not None:
            return End.DONE if now_s - self._recorded_s > _FAREWELL_S else None
        if self._interrupted_s is not None:
            return End.INTERRUPTED if now_s - self._interrupted_s > _GRACE_S else None
        if self._pacer is not None and not self.pacer_failed and self._pacer.has_failed():
            self.pacer_failed = True
            if self.counts is not None:
                self._process.send_signal(signal.SIGINT)
        silence_s = now_s - self._heard_s
        if self.counts is None or self._timeout_s is None:
            return None
        return End.HUNG if silence_s > self._timeout_s + _PATIENCE_S else None

    def dump_stacks(self) -> None:
        """Let a process that hangs print where its threads are; that ends it."""
        self._process.send_signal(signal.SIGABRT)
        self._process.wait(_DUMP_S)
