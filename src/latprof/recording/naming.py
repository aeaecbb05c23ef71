"""What a stage may be called."""

from __future__ import annotations

from latprof.errors import UsageError

__all__ = ["RESERVED", "stage_name"]

RESERVED = ("untracked", "total")
"""Rows of the breakdown that latprof computes itself."""


def stage_name(name: object) -> str:
    """Return `name` if a stage may be called so.

    Raises:
        UsageError: It is not text, or empty, or one of the reserved names.
    """
    if not isinstance(name, str):
        hint = ": write @latprof.stage('name')" if callable(name) else ""
        raise UsageError(f"a stage is named by a string, not by {type(name).__name__}{hint}")
    if not name.strip():
        raise UsageError("a stage needs a name: the one given is empty")
    if name in RESERVED:
        raise UsageError(f"the name {name!r} is kept for what latprof computes: choose another")
    return str(name)
