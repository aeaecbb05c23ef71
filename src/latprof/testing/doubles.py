"""Public doubles: a clock that a test holds, and a target whose service times are known."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FakeClock", "ScriptedTarget"]


class FakeClock:
    """A `latprof.clock.Clock` that stands still until it is told to move.

    Sleeping moves it to the instant slept for, so nothing ever waits. Threads may share it.

    Args:
        now_ns: Where it begins.

    >>> clock = FakeClock()
    >>> clock.sleep_until_ns(1_000)
    >>> clock.now_ns()
    1000
    """

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Return the present instant."""
        return self._now_ns

    def sleep_until_ns(self, instant_ns: int) -> None:
        """Move on to `instant_ns`; an instant that has passed changes nothing."""
        with self._lock:
            self._now_ns = max(self._now_ns, instant_ns)

    def advance(self, duration_ns: int) -> None:
        """Move on by `duration_ns`."""
        with self._lock:
            self._now_ns += duration_ns


class ScriptedTarget:
    """A target that takes given service times off a fake clock, over and over.

    Args:
        clock: The clock that the recording reads too; `latprof.profile` takes it from here.
        script: For each call in turn, its service time in ns, or an exception to raise at once.

    Raises:
        UsageError: The script is empty.

    >>> clock = FakeClock()
    >>> target = ScriptedTarget(clock, [5, ValueError("bad input")])
    >>> target("anything")
    'anything'
    >>> clock.now_ns(), target.inputs
    (5, ['anything'])
    """

    def __init__(self, clock: FakeClock, script: Sequence[int | BaseException]) -> None:
        if not script:
            raise UsageError("a script needs at least one service time")
        self.clock = clock
        self._script = script
        self.inputs: list[object] = []

    def __call__(self, value: object) -> object:
        """Return the input once its time has passed; `inputs` keeps all of them in order."""
        step = self._script[len(self.inputs) % len(self._script)]
        self.inputs.append(value)
        if isinstance(step, BaseException):
            raise step
        self.clock.advance(step)
        return value
