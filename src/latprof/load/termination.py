"""SIGTERM and SIGHUP while a block runs: they unwind it first, and then end the program as ever."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["unwinding"]

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class _Terminated(BaseException):
    """Not an Exception, so that nothing on its way takes it for a failure of its own."""


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Let a signal that ends the program leave the block as an exception does, before it ends it.

    So folders are removed and processes ended. A second signal ends the program at once. Nothing
    changes outside the main thread, or for a signal that the program handles or ignores itself. Of
    blocks within blocks the outermost ends the program.
    """
    received: list[int] = []

    def unwind(number: int, _frame: FrameType | None) -> None:
        _restore(ours)
        received.append(number)
        raise _Terminated

    ours = _untouched()
    for each in ours:
        signal.signal(each, unwind)
    try:
        yield
    except _Terminated:
        if received:
            os.kill(os.getpid(), received[0])
        raise  # to the block around; or another thread was given the signal, and it ends us soon
    finally:
        _restore(ours)


def _untouched() -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        return []
    return [each for each in _SIGNALS if signal.getsignal(each) is signal.SIG_DFL]


def _restore(signals: list[signal.Signals]) -> None:
    for each in signals:
        signal.signal(each, signal.SIG_DFL)
