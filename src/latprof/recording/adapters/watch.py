"""The watch over other libraries' classes while a recording is on: what is built, called, compiled.

A library that is imported later is watched from the recorder's next flush on.
"""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Any, Protocol, Self

from latprof.recording.adapters import calls, compilations, constructions
from latprof.recording.adapters.kinds import loaded_class

__all__ = ["Watch", "Watched"]


class Watched(Protocol):
    """Makes the method that looks on from the one that a class has."""

    def __call__(self, function: Any, /) -> Any:
        """Return what to put in the place of `function`."""
        ...


WATCHED: tuple[tuple[str, str, str, Watched], ...] = (*constructions.WATCHED, *calls.WATCHED)
"""(module, class, method, what looks on) of each."""

_ABSENT = object()
_lock = threading.RLock()  # reentrant: a finalizer may remove hooks in the midst of this
_replaced: dict[tuple[str, str, str], _Replaced] = {}
_users = 0


class _Replaced:
    """A method of a class with another in its place.

    Not a hook as `instrument` places them: an object of the class can be instrumented all the same.
    """

    def __init__(self, owner: type, name: str, watched: Watched) -> None:
        self._owner, self._name = owner, name
        self._original = vars(owner).get(name, _ABSENT)
        found = getattr(owner, name)
        is_static = isinstance(self._original, staticmethod) or not hasattr(found, "__get__")
        self._ours = staticmethod(watched(found)) if is_static else watched(found)
        setattr(owner, name, self._ours)

    def remove(self) -> None:
        """Put back what was found; what somebody else has put there since is theirs."""
        if vars(self._owner).get(self._name) is not self._ours:
            return
        if self._original is _ABSENT:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._original)


class Watch:
    """Watches from `install` to `remove`, or for the length of its block.

    Several share what they put into the classes.
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
            if not self._watches:
                return
            compilations.watch()
            for module, name, method, watched in WATCHED:
                kind = None if (module, name, method) in _replaced else loaded_class(module, name)
                if kind is not None and hasattr(kind, method):
                    with contextlib.suppress(Exception):  # a class that cannot be changed
                        _replaced[module, name, method] = _Replaced(kind, method, watched)

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
            if _users:
                return
            compilations.unwatch()
            while _replaced:
                _replaced.popitem()[1].remove()

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
