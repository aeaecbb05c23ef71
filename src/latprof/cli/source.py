"""What MODEL names on the command line: a file, or a torch module by MODULE:ATTR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latprof.errors import UsageError

__all__ = ["model_source"]


def model_source(text: str) -> Any:
    """Return the path of the file, or the object that `MODULE:ATTR` leads to.

    Raises:
        UsageError: There is no such file.
        TargetError: The reference leads nowhere, or importing it failed.
    """
    path = Path(text)
    if path.exists():
        return path
    if ":" in text:
        from latprof.targets.reference import load

        return load(text).target
    raise UsageError(f"there is no file {text}: give a model file, or a module as MODULE:ATTR")
