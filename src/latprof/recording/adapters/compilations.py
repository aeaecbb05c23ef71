"""Compilations by torch.compile inside requests: how many, and how long they take.

torch calls back at the begin and the end of each, on the thread that compiles.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from latprof.recording import core
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.sightings import note

__all__ = ["is_under_way", "unwatch", "watch"]

_HOME = "torch._dynamo.callback"


class _UnderWay(threading.local):
    """When this thread began to compile."""

    began_ns = -1


_under_way = _UnderWay()
_watched: list[Any] = []


def watch() -> None:
    """Note compilations from now on, if torch is there; again does nothing."""
    home = sys.modules.get(_HOME)
    handler = getattr(home, "callback_handler", None)
    if handler is None or _watched:
        return
    handler.register_start_callback(_begin)
    handler.register_end_callback(_end)
    _watched.append(handler)


def unwatch() -> None:
    """Note them no longer."""
    while _watched:
        handler = _watched.pop()
        for callbacks, ours in ((handler.start_callbacks, _begin), (handler.end_callbacks, _end)):
            if ours in callbacks:
                callbacks.remove(ours)


def is_under_way() -> bool:
    """Whether this thread compiles: what it constructs then is part of that."""
    return _under_way.began_ns >= 0


def _begin(_: object) -> None:
    _under_way.began_ns = core.now_ns()


def _end(_: object) -> None:
    began_ns, _under_way.began_ns = _under_way.began_ns, -1
    if began_ns >= 0:
        note((_tell, core.now_ns() - began_ns))


def _tell(facts: Facts, took_ns: int) -> None:
    facts.add("recompilations", 1)
    facts.add("compile_ns", took_ns)
