"""Ctrl-C: it ends what runs, never the bookkeeping."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["deferred", "graceful", "recall", "unmissed"]


class _Remembering:
    """Raises KeyboardInterrupt as Python's own handler does, and remembers that it did."""

    def __init__(self) -> None:
        self.raised = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.raised = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def unmissed() -> Iterator[None]:
    """Let a Ctrl-C that foreign code swallows in the block be raised again by `recall`.

    Compiled modules have handlers of every exception around parts of their import, numpy's random
    generator among them: what is raised there is gone. So is what is raised in a finalizer.
    Nothing changes outside the main thread, or where the program handles the signal itself.
    """
    before = _ours()
    if before is None:
        yield
        return
    handler, told = _Remembering(), sys.unraisablehook
    signal.signal(signal.SIGINT, handler)
    sys.unraisablehook = functools.partial(_tell_unraisable, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = told


def _tell_unraisable(
    told: Callable[[sys.UnraisableHookArgs], object], unraisable: sys.UnraisableHookArgs
) -> None:
    """Be silent of a press that met a finalizer: it is remembered."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        told(unraisable)


def recall() -> None:
    """Raise a Ctrl-C that was raised before and swallowed: for where long work begins.

    Raises:
        KeyboardInterrupt: Inside a block of `unmissed`, once for all presses so far.
    """
    handler = _ours()
    if isinstance(handler, _Remembering) and handler.raised:
        handler.raised = False
        raise KeyboardInterrupt


@contextlib.contextmanager
def graceful(interrupt: Callable[[], None], exposed: Callable[[], bool]) -> Iterator[None]:
    """Let the first Ctrl-C call `interrupt`, and raise only where `exposed` says that it may.

    KeyboardInterrupt can otherwise come between any two bytecodes, so also between opening a
    request and noting that it is open. A second Ctrl-C is as it always was. Nothing changes
    outside the main thread, or where the program handles the signal itself. One that was
    swallowed before the block is raised first: see `recall`.
    """
    recall()
    before = _ours()

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        interrupt()
        if exposed():
            raise KeyboardInterrupt

    if before is None:
        yield
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the first Ctrl-C wait until the block is through. A second one is as it always was.

    For what must not be left half done, and takes no longer than somebody has patience for.
    """
    presses: list[int] = []
    before = _ours()

    def pressed(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        presses.append(number)

    if before is None:
        yield
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if presses:
        raise KeyboardInterrupt


def _ours() -> Callable[[int, FrameType | None], None] | None:
    """Return the handler that is set, where this thread may set another and no program's is."""
    if threading.current_thread() is not threading.main_thread():
        return None
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        return signal.default_int_handler
    return handler if isinstance(handler, _Remembering) else None
