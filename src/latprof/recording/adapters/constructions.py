"""What is constructed inside requests, and how long that takes: sessions, tokenizers, modules."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from latprof.recording import core, session
from latprof.recording.adapters.compilations import is_under_way
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.onnxruntime import MODULE, SESSION, remember_asked
from latprof.recording.adapters.sightings import note

__all__ = ["WATCHED"]

_PROVIDERS = 3  # the place of `providers` among the arguments of a session, itself counted


class _UnderWay(threading.local):
    """What this thread constructs.

    Attributes:
        constructor: Whether it constructs something that counts.
        subject: What that was given first, mostly itself. A constructor that gets the same again
            is one that somebody has wrapped, as torch.compile does, while it was watched before.
    """

    constructor = False
    subject: object = None


_under_way = _UnderWay()


class _Counted:
    """Around a constructor.

    Args:
        tell: Told the column, when it began, when it ended, and whether it is no part of another.
        column: Which counts what is constructed.
    """

    def __init__(self, tell: Callable[[Facts, str, int, int, bool], None], column: str) -> None:
        self._tell, self._column = tell, column

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        tell, column = self._tell, self._column

        @functools.wraps(function)
        def constructing(*args: Any, **kwargs: Any) -> Any:
            subject, around = args[0] if args else None, _under_way.subject
            is_seen = session.current is not None and core.current_request_id() >= 0
            if not is_seen or is_under_way() or (subject is not None and subject is around):
                return function(*args, **kwargs)
            began_ns, is_outermost = core.now_ns(), not _under_way.constructor
            _under_way.constructor, _under_way.subject = True, subject
            try:
                made = function(*args, **kwargs)
            finally:
                _under_way.constructor, _under_way.subject = not is_outermost, around
            note((tell, column, began_ns, core.now_ns(), is_outermost))
            return made

        return constructing


class _Session:
    """Around the constructor of a session: what it was asked for is remembered as well."""

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        counted = _Counted(_tell, "constructed_sessions")(function)

        @functools.wraps(function)
        def constructing(self: Any, *args: Any, **kwargs: Any) -> Any:
            made = counted(self, *args, **kwargs)
            given = args[_PROVIDERS - 1] if len(args) >= _PROVIDERS else kwargs.get("providers")
            remember_asked(self, given)
            return made

        return constructing


def _tell(
    facts: Facts,
    column: str,
    began_ns: int,
    ended_ns: int,
    is_outermost: bool,  # noqa: FBT001 - a fact
) -> None:
    facts.add(column, 1)
    facts.add("constructed_ns", ended_ns - began_ns if is_outermost else 0)


def _tell_layer(
    facts: Facts,
    _: str,
    began_ns: int,
    ended_ns: int,
    __: bool,  # noqa: FBT001 - as above
) -> None:
    facts.layer(began_ns, ended_ns)


def _tell_furnished(
    facts: Facts,
    _: str,
    __: int,
    ended_ns: int,
    ___: bool,  # noqa: FBT001 - as above
) -> None:
    facts.furnished(ended_ns)


_tokenizers = _Counted(_tell, "constructed_tokenizers")
_TORCH = ("torch.nn.modules.module", "Module")
_MADE_BY = ("from_file", "from_str", "from_buffer")

WATCHED: tuple[tuple[str, str, str, Any], ...] = (
    (MODULE, SESSION, "__init__", _Session()),
    *(("tokenizers", "Tokenizer", name, _tokenizers) for name in _MADE_BY),
    (
        "transformers.tokenization_utils_base",
        "PreTrainedTokenizerBase",
        "__init__",
        _tokenizers,
    ),
    (*_TORCH, "__init__", _Counted(_tell_layer, "constructed_modules")),
    *((*_TORCH, name, _Counted(_tell_furnished, "")) for name in ("load_state_dict", "eval")),
)
"""(module, class, method, what looks on) of each."""
