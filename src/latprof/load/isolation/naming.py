"""The name by which another process finds a target again; nothing is pickled."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from latprof.errors import UsageError

__all__ = ["reference_of"]

_ADVICE = 'put it into a file and give "file.py:make"'


def reference_of(target: object) -> str:
    """Return `target` as `MODULE:ATTR` or `FILE.py:ATTR`.

    A text is taken as such a reference; anything else must be found again under its own module
    and qualified name, as functions and classes of modules are.

    Raises:
        UsageError: It cannot be found again: a lambda, a closure, an object, or what was defined
            in a notebook.

    >>> reference_of(len)
    'builtins:len'
    """
    if isinstance(target, str):
        return _absolute(target)
    module = getattr(target, "__module__", None) or ""
    name = getattr(target, "__qualname__", "")
    if not (isinstance(module, str) and isinstance(name, str) and name):
        raise UsageError(
            f"an object of type {type(target).__name__} stays in this process: {_ADVICE}, where "
            "make() builds it, to isolate it"
        )
    if not _is(_found(module, name), target):
        raise UsageError(f"{name} cannot be found again in another process: {_ADVICE}")
    return f"{_place(module, name)}:{name}"


def _absolute(reference: str) -> str:
    place, colon, attribute = reference.rpartition(":")
    if colon and place.endswith(".py"):
        return f"{Path(place).absolute()}:{attribute}"
    return reference


def _found(module: str, name: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _is(found: Any, target: object) -> bool:
    if inspect.ismethod(found) and inspect.ismethod(target):  # made anew at each look
        return found == target
    return found is target


def _place(module: str, name: str) -> str:
    """Return where another process finds a module; the program itself by its name or file."""
    if module != "__main__":
        return module
    program = sys.modules["__main__"]
    spec = getattr(program, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name)
    file = getattr(program, "__file__", None)
    if not file or not str(file).endswith(".py") or not Path(file).is_file():
        raise UsageError(f"{name} was defined in no file: {_ADVICE}")
    return str(Path(file).absolute())
