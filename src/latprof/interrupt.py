"""Ctrl-C: it ends what runs, never the bookkeeping."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["deferred", "graceful"]


@contextlib.contextmanager
def graceful(interrupt: Callable[[], None], exposed: Callable[[], bool]) -> Iterator[None]:
    """Let the first Ctrl-C call `interrupt`, and raise only where `exposed` says that it may.

    KeyboardInterrupt can otherwise come between any two bytecodes, so also between opening a
    request and noting that it is open. A second Ctrl-C is as it always was. Nothing changes
    outside the main thread, or where the program handles the signal itself.
    """

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt()
        if exposed():
            raise KeyboardInterrupt

    if not _is_ours():
        yield
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the first Ctrl-C wait until the block is through. A second one is as it always was.

    For what must not be left half done, and takes no longer than somebody has patience for.
    """
    presses: list[int] = []

    def pressed(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        presses.append(number)

    if not _is_ours():
        yield
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if presses:
        raise KeyboardInterrupt


def _is_ours() -> bool:
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
