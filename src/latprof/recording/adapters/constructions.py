"""Counts what is constructed inside requests: sessions, tokenizers, modules.

Their classes are hooked while anything is instrumented by an adapter, and while `profile` runs.
Only libraries that are imported by then are looked at.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

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
_hooks: list[Hook] = []
_users = 0


class Constructions:
    """Watches constructors from its making until `remove`, or the end of its block.

    Several share the same hooks.
    """

    def __init__(self) -> None:
        global _users  # noqa: PLW0603 - classes are the process's own
        with _lock:
            if _users == 0:
                _hooks.extend(_placed())
            _users += 1
        self._watches = True

    def remove(self) -> None:
        """Watch no longer; the last to go puts back what was found. Again does nothing."""
        global _users  # noqa: PLW0603 - see above
        with _lock:
            if not self._watches:
                return
            self._watches = False
            _users -= 1
            while _users == 0 and _hooks:
                _hooks.pop().remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


def _placed() -> list[Hook]:
    hooks: list[Hook] = []
    for module, name, method, column in _WATCHED:
        kind = loaded_class(module, name)
        if kind is not None and hasattr(kind, method):
            hooks.append(place(kind, method, getattr(kind, method), _Counted(column)))
    return hooks


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
