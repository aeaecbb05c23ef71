"""Marking requests in code that is driven by somebody else: a server's own loop."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self

from latprof.errors import UsageError
from latprof.recording import core, session
from latprof.run.vocabulary import STATUSES

__all__ = ["annotate", "error_text", "request"]

_ERROR = STATUSES.index("error")
_LONGEST_ERROR = 500


def error_text(error: BaseException) -> str:
    """Return `Type: message` in at most 500 characters, also where the message cannot be had."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception of the user's may fail in any way
        message = "(its message could not be read)"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "…"


class request:  # noqa: N801 - used like a function, as in contextlib.suppress
    """Mark one request: everything from entering to leaving the block.

    Inside another request (one that `profile` sends, or an enclosing `request`) no new one begins:
    the attributes are added to that. While nothing is recorded it does nothing. Each request takes
    an object of its own.

    Args:
        **attributes: What is known of the request: numbers, text, flags. They become columns
            `attr.NAME` of `Run.requests`. A name given again replaces the earlier value.

    Raises:
        UsageError: Attributes without names, an object that is entered twice at a time, or use as
            a decorator.

    Example:
        >>> import latprof as lp
        >>> with lp.record() as recording:
        ...     with lp.request(tenant="acme", tokens=128):
        ...         with lp.stage("forward"):
        ...             pass
        >>> len(recording.run.requests)
        1
    """

    __slots__ = ("_attributes", "_open", "_recorder")

    def __init__(self, /, *unnamed: object, **attributes: object) -> None:
        if unnamed:
            raise UsageError(
                f"attributes of a request have names: write latprof.request(name=...), "
                f"not latprof.request({unnamed[0]!r})"
            )
        self._attributes = attributes
        self._recorder: session.Session | None = None
        self._open: core.Request | None = None

    def __call__(self, *_: object) -> NoReturn:
        """Refuse: a request is a block.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a request is no decorator: write `with latprof.request(...):` inside")

    def __enter__(self) -> Self:
        recorder = session.current
        if recorder is None:
            return self
        if self._open is not None and self._recorder is recorder:
            raise UsageError("this request is open already: write `with latprof.request(...):`")
        request_id = core.current_request_id()
        if request_id < 0 and recorder.request_ids is not None:
            request_id = next(recorder.request_ids)
            self._recorder, self._open = recorder, core.Request(request_id)
        if self._attributes and request_id >= 0:
            recorder.note(request_id, self._attributes)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._open = self._open, None
        recorder, self._recorder = self._recorder, None
        if opened is None or recorder is None:
            return
        if error is None:
            opened.close()
            return
        if recorder is session.current:
            recorder.fail(opened.request_id, error_text(error))
        opened.close(_ERROR)


def annotate(**attributes: object) -> None:
    """Add attributes to the current request, from anywhere inside it.

    Outside a request, or while nothing is recorded, it does nothing: code that annotates need not
    know whether it is being profiled.

    Args:
        **attributes: As those of `request`.

    Example:
        >>> import latprof as lp
        >>> lp.annotate(tokens=128)
    """
    recorder = session.current
    if recorder is None:
        return
    request_id = core.current_request_id()
    if request_id >= 0:
        recorder.note(request_id, attributes)
