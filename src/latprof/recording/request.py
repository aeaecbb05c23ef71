"""Marking requests in code that is driven by somebody else: a server's own loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from latprof.errors import UsageError
from latprof.recording import core, session

__all__ = [
    "annotate",
    "error_text",
    "note_attributes",
    "note_failure",
    "refuse_reentry",
    "refuse_unnamed",
    "request",
]

_LONGEST_ERROR = 500


def error_text(error: BaseException) -> str:
    """Return `Type: message` in at most 500 characters, also where the message cannot be had."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception of the user's may fail in any way
        message = "(its message could not be read)"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "…"


class request(core.Block):  # noqa: N801 - used like a function, as in contextlib.suppress
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

    __slots__ = ()

    def __call__(self, *_: object) -> NoReturn:
        """Refuse: a request is a block.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a request is no decorator: write `with latprof.request(...):` inside")


def refuse_unnamed(value: object, /) -> NoReturn:
    """Raise for an attribute without a name."""
    raise UsageError(
        f"attributes of a request have names: write latprof.request(name=...), "
        f"not latprof.request({value!r})"
    )


def refuse_reentry() -> NoReturn:
    """Raise for a block that is entered while it is open."""
    raise UsageError("this request is open already: write `with latprof.request(...):`")


def note_attributes(request_id: int, attributes: Mapping[str, object], /) -> None:
    """Tell the recorder what is known of a request that is not closed yet."""
    if session.current is not None:
        session.current.note(request_id, attributes)


def note_failure(request_id: int, error: BaseException, /) -> None:
    """Tell the recorder why a request fails, before it is closed."""
    if session.current is not None:
        session.current.fail(request_id, error_text(error))


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
    if (request_id := core.current_request_id()) >= 0:
        note_attributes(request_id, attributes)
