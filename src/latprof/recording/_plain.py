"""The recording core in Python: the twin of `native/`, for machines without a C compiler.

Same names, same rows, several times the cost. A context variable holds the innermost open frame
itself; the C core keeps stacks instead, because setting the variable is most of what a stage costs.
"""

from __future__ import annotations

import gc
import itertools
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE
from typing import Any, cast

from latprof.recording._plainprobes import UNKNOWN, Thread, passed
from latprof.recording.naming import stage_name

__all__ = [
    "Request",
    "Stage",
    "after_fork",
    "branch",
    "current_request_id",
    "current_span_id",
    "current_stage",
    "drain",
    "is_active",
    "next_request_id",
    "now_ns",
    "stage",
    "stage_names",
    "start",
    "stop",
]

_SPAN_ROW = struct.Struct("=8q2i")
_REQUEST_ROW = struct.Struct("=4q2i")
_ENDS_OF_ITERATION = (StopIteration, StopAsyncIteration, GeneratorExit)
# Up to Python 3.11 an allocation can collect garbage. A finalizer with a stage in it would then set
# our variable while it is being set, which the interpreter does not survive.
_COLLECTS_ANYWHERE = sys.version_info < (3, 12)
_MAY_AWAIT = CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR


class _State:
    """What the whole process shares: rows that wait, and the recording that is on."""

    def __init__(self) -> None:
        self.active = False
        self.full = False
        self.generation = 0
        self.span_ids = itertools.count()  # its next is atomic
        self.request_ids: Iterator[int] = iter(())
        self.clock: Callable[[], int] = time.perf_counter_ns
        self.spans: list[bytes] = []
        self.requests: list[bytes] = []


class _Frame:
    """An open stage."""

    __slots__ = (
        "closed",
        "cpu_ns",
        "generation",
        "outer",
        "request",
        "runqueue_ns",
        "span_id",
        "stage",
        "start_ns",
        "thread_id",
        "visit",
    )

    span_id: int
    start_ns: int
    cpu_ns: int
    runqueue_ns: int
    thread_id: int
    visit: int

    def __init__(self, stage: Stage, outer: _Node | None) -> None:
        self.stage = stage
        self.outer: _Node | None = outer
        self.request: Request | None = outer.request if outer is not None else None
        self.generation: int = _state.generation
        self.closed = False


class Stage:
    """A named stage: a context manager and a decorator. Made by `stage(name)`."""

    __slots__ = ("code", "name")

    def __init__(self, name: str, code: int) -> None:
        self.name = name
        self.code = code

    def __enter__(self) -> Stage:
        if not _state.active:
            return self
        frame = _Frame(self, _innermost())
        frame.span_id = next(_state.span_ids)
        _set_innermost(frame)
        frame.thread_id = _thread.thread_id
        # Nothing tells whether an async caller was suspended, which makes its CPU time unknown.
        may_await = sys._getframe(1).f_code.co_flags & _MAY_AWAIT  # noqa: SLF001 - as inspect does
        frame.visit = UNKNOWN if may_await else _thread.visit
        if _state.full:
            frame.runqueue_ns = _thread.runqueue_ns()
            frame.cpu_ns = time.thread_time_ns()
        frame.start_ns = _state.clock()
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        if not _state.active:
            return
        end_ns = _state.clock()
        top = _innermost()
        frame = top
        while frame is not None and not (isinstance(frame, _Frame) and frame.stage is self):
            frame = frame.outer
        if not isinstance(frame, _Frame) or frame.closed:
            return
        _write_span(frame, end_ns, kind is not None and not issubclass(kind, _ENDS_OF_ITERATION))
        frame.closed = True
        if frame is top:
            _set_innermost(frame.outer)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from latprof.recording.wrapping import wrap

        return wrap(cast("Any", self), function)  # the C core's stage has the same shape

    def __reduce__(self) -> tuple[Callable[[str], Stage], tuple[str]]:
        return stage, (self.name,)  # by name: its code may be another in another process

    def __repr__(self) -> str:
        return f"latprof.stage({self.name!r})"


class Request:
    """One open request; the current one of this context until it is closed."""

    __slots__ = (
        "closed",
        "generation",
        "intended_ns",
        "outer",
        "request_id",
        "started_ns",
        "worker",
    )

    def __init__(self, request_id: int, intended_ns: int = UNKNOWN, worker: int = 0, /) -> None:
        self.request_id = request_id
        self.intended_ns = intended_ns
        self.worker = worker
        self.outer: _Node | None = _innermost() if _state.active else None
        self.generation: int = _state.generation
        self.closed = not _state.active
        if _state.active:
            _set_innermost(self)
        self.started_ns = _state.clock()

    @property
    def request(self) -> Request:
        """The request that stages inside belong to."""
        return self

    @property
    def is_live(self) -> bool:
        """Whether closing it writes a row."""
        return not self.closed and self.generation == _state.generation and _state.active

    def close(self, status: int = 0, /) -> int:
        """Write the row, return the finishing instant; -1 where it was closed before."""
        finished_ns = _state.clock()
        if not self.is_live:
            return UNKNOWN
        finished_ns = max(finished_ns, self.started_ns)
        intended_ns = self.started_ns if self.intended_ns < 0 else self.intended_ns
        _state.requests.append(
            _REQUEST_ROW.pack(
                self.request_id, intended_ns, self.started_ns, finished_ns, self.worker, status
            )
        )
        here = _contains(_innermost(), self)
        self.closed = True
        if here:
            _set_innermost(self.outer)
        self.outer = None
        return finished_ns


class Lane:
    """A flow of control that carries a request into another thread."""

    __slots__ = ("around", "generation", "outer", "request", "span_id", "stage")

    def __init__(self, inside: _Node) -> None:
        self.request: Request | None = inside.request
        self.span_id: int = UNKNOWN if isinstance(inside, Request) else inside.span_id
        self.stage: Stage | None = None if isinstance(inside, Request) else inside.stage
        self.generation: int = inside.generation
        self.outer: _Node | None = None
        self.around: _Node | None = None

    def enter(self) -> None:
        """Work in this lane from here on."""
        self.around = _innermost()
        _set_innermost(self)

    def leave(self) -> None:
        """Go back to this thread's own lane."""
        _set_innermost(self.around)


_Node = _Frame | Request | Lane
_state = _State()
_thread = Thread()
_frames: ContextVar[_Node | None] = ContextVar("latprof_frame", default=None)
_stages: dict[str, Stage] = {}
_names: dict[str, None] = {}


def _innermost() -> _Node | None:
    """Return the innermost open frame of this context, and notice whether it was suspended."""
    frame = _frames.get()
    if frame is not _thread.innermost:
        _thread.visit += 1
    while frame is not None and (
        frame.generation != _state.generation or (isinstance(frame, _Frame) and frame.closed)
    ):
        frame = frame.outer
    return frame


def _set_innermost(frame: _Node | None) -> None:
    _thread.innermost = frame
    collects = _COLLECTS_ANYWHERE and gc.isenabled()
    if collects:
        gc.disable()
    _frames.set(frame)
    if collects:
        gc.enable()


def _contains(frame: _Node | None, request: Request) -> bool:
    while frame is not None and frame is not request:
        frame = frame.outer
    return frame is request


def _write_span(frame: _Frame, end_ns: int, failed: bool) -> None:  # noqa: FBT001 - a column's value
    end_ns = max(end_ns, frame.start_ns)
    wall_ns = end_ns - frame.start_ns
    cpu_ns = waited_ns = UNKNOWN
    if _state.full and frame.visit == _thread.visit and frame.thread_id == _thread.thread_id:
        cpu_ns = passed(frame.cpu_ns, time.thread_time_ns(), wall_ns)
        waited_ns = passed(frame.runqueue_ns, _thread.runqueue_ns(), wall_ns - max(cpu_ns, 0))
    _state.spans.append(
        _SPAN_ROW.pack(
            UNKNOWN if frame.request is None else frame.request.request_id,
            frame.span_id,
            frame.outer.span_id if isinstance(frame.outer, _Frame | Lane) else UNKNOWN,
            frame.start_ns,
            end_ns,
            cpu_ns,
            waited_ns,
            frame.thread_id,
            frame.stage.code,
            failed,
        )
    )


def stage(name: str, /) -> Stage:
    """Return the stage called `name`; the same object for the same name."""
    try:
        return _stages[name]
    except (KeyError, TypeError):
        name = stage_name(name)
    # No lock: a finalizer may want a stage in the midst of this. Each step is atomic, and a name
    # keeps its place, which is the code.
    _names.setdefault(name)
    return _stages.setdefault(name, Stage(name, list(_names).index(name)))


def start(
    full: bool,  # noqa: FBT001 - as in C
    clock: Callable[[], int] | None = None,
    takes_requests: bool = True,  # noqa: FBT001, FBT002 - as in C
    /,
) -> None:
    """Begin to record, dropping whatever was not drained."""
    _state.clock = clock or time.perf_counter_ns
    _state.spans.clear()
    _state.requests.clear()
    _state.span_ids = itertools.count()
    _state.request_ids = itertools.count() if takes_requests else iter(())
    _state.full = full
    _state.generation += 1
    _state.active = True


def stop() -> None:
    """Stop recording; rows can still be drained."""
    _state.active = False
    _state.clock = time.perf_counter_ns


def after_fork() -> None:
    """Forget the parent's recording in a forked child."""
    global _thread  # noqa: PLW0603 - what was known is of the thread that has forked this process
    stop()
    _state.spans.clear()
    _state.requests.clear()
    _state.generation += 1
    _thread = Thread()


def is_active() -> bool:
    """Whether stages are recorded now."""
    return _state.active


def _take(rows: list[bytes]) -> bytes:
    count = len(rows)
    taken = b"".join(rows[:count])
    del rows[:count]
    return taken


def drain() -> tuple[bytes, bytes, int]:
    """Return and forget (request rows, span rows, rows lost since start)."""
    requests = _take(_state.requests)
    return requests, _take(_state.spans), 0


def branch() -> Lane | None:
    """Return a lane for a thread that works for the open stage or request; None where none is."""
    frame = _innermost() if _state.active else None
    return None if frame is None else Lane(frame)


def current_request_id() -> int:
    """Return the id of this context's open request, or -1."""
    frame = _innermost() if _state.active else None
    request = frame.request if frame is not None else None
    return UNKNOWN if request is None or request.closed else request.request_id


def next_request_id() -> int:
    """Return the id of the next block, or -1 where a driver alone marks requests."""
    return next(_state.request_ids, UNKNOWN)


def current_span_id() -> int:
    """Return the id of this context's innermost open span, or -1."""
    frame = _innermost() if _state.active else None
    return frame.span_id if isinstance(frame, _Frame | Lane) else UNKNOWN


def current_stage() -> str | None:
    """Return the name of this context's innermost open stage, or None."""
    frame = _innermost() if _state.active else None
    stage = frame.stage if isinstance(frame, _Frame | Lane) else None
    return None if stage is None else stage.name


def now_ns() -> int:
    """Return the clock that rows are stamped with."""
    return _state.clock()


def stage_names() -> list[str]:
    """Return the names of all stages, by code."""
    return list(_names)
