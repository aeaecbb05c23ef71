"""The folder of a run: its name where none was given, and how it is written from here."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["fresh_folder", "shown"]

PARENT = Path("runs")
_LONGEST_NAME = 60


def fresh_folder(target: str) -> Path:
    """Return a folder that is not there yet: `runs/<UTC time>-<target>`, so a listing is a diary.

    Args:
        target: What is profiled; only what every file system takes is kept of it.

    Example:
        >>> fresh_folder("shop.ranking:make")  # doctest: +SKIP
        PosixPath('runs/20260131T142501Z-shop.ranking-make')
    """
    name = re.sub(r"[^\w.]+", "-", target, flags=re.ASCII).strip("-.")[-_LONGEST_NAME:]
    base = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"
    names = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(2)))
    return next(folder for name in names if not (folder := PARENT / name).exists())


def shown(path: Path) -> str:
    """Return a path as it is written from here: relative where it lies below.

    >>> shown(Path("runs/today").absolute())
    'runs/today'
    """
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
