"""Counts what is constructed inside requests: sessions, tokenizers, modules.

Their classes are hooked while a recording is on. A library that is imported later is hooked at the
recorder's next flush.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from latprof.errors import InstrumentError
from latprof.recording import session
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import loaded_class
from latprof.recording.adapters.onnxruntime import MODULE, SESSION
from latprof.recording.adapters.sightings import note
from latprof.recording.hooks import Hook, place

__all__ = ["Constructions"]

_WATCHED = (
    (MODULE, SESSION, "__init__", "constructed_sessions"),
    ("tokenizers", "Tokenizer", "from_file", "constructed_tokenizers"),
    ("tokenizers", "Tokenizer", "from_str", "constructed_tokenizers"),
    ("tokenizers", "Tokenizer", "from_buffer", "constructed_tokenizers"),
    (
        "transformers.tokenization_utils_base",
        "PreTrainedTokenizerBase",
        "__init__",
        "constructed_tokenizers",
    ),
    ("torch.nn.modules.module", "Module", "__init__", "constructed_modules"),
)
_lock = threading.RLock()  # reentrant: a finalizer may remove hooks in the midst of this
_hooks: dict[tuple[str, ...], Hook] = {}  # by what is watched
_users = 0


class Constructions:
    """Watches constructors from `install` to `remove`, or for the length of its block.

    Several share the same hooks.
    """

    def __init__(self) -> None:
        self._watches = False

    def install(self) -> None:
        """Watch what is imported by now."""
        global _users  # noqa: PLW0603 - classes are the process's own
        with _lock:
            _users += 1
        self._watches = True
        self.extend()

    def extend(self) -> None:
        """Watch what has been imported since, too."""
        with _lock:
            for watched in _WATCHED if self._watches else ():
                if watched not in _hooks and (hook := _placed(*watched)) is not None:
                    _hooks[watched] = hook

    def after_fork(self) -> None:
        """Watch no longer, in a forked child: there nobody is left to open a lock that was shut."""
        global _lock  # noqa: PLW0603 - of the parent
        _lock = threading.RLock()
        self.remove()

    def remove(self) -> None:
        """Watch no longer; the last to go puts back what was found. Again does nothing."""
        global _users  # noqa: PLW0603 - see above
        with _lock:
            if not self._watches:
                return
            self._watches = False
            _users -= 1
            while _users == 0 and _hooks:
                _hooks.popitem()[1].remove()

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def _placed(module: str, name: str, method: str, column: str) -> Hook | None:
    """Return a hook that counts; None where there is no such class yet, or it cannot be changed."""
    kind = loaded_class(module, name)
    if kind is None or not hasattr(kind, method):
        return None
    with contextlib.suppress(InstrumentError):
        return place(kind, method, getattr(kind, method), _Counted(column))
    return None


class _Counted:
    """Around a constructor."""

    name = None

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        if isinstance(function, staticmethod):
            return staticmethod(self(function.__func__))

        @functools.wraps(function)
        def constructing(*args: Any, **kwargs: Any) -> Any:
            made = function(*args, **kwargs)
            if session.current is not None:
                note((Facts.add, self._column, 1))
            return made

        return constructing
