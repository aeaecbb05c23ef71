"""A report as a file: the ending of its name chooses the spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.errors import UsageError
from latprof.report.data import as_data
from latprof.report.markdown import markdown
from latprof.report.page import page
from latprof.report.plots import plot
from latprof.report.summary import summary
from latprof.report.terminal import text
from latprof.run.disk import replacing

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["ENDINGS", "write"]

WIDTH = 100  # columns of a text file: what a wide terminal and a diff both show

_SPELLINGS: dict[str, Callable[[Run], str]] = {
    ".html": page,
    ".json": lambda run: json.dumps(as_data(run), indent=2, allow_nan=False) + "\n",
    ".md": lambda run: markdown(summary(run)),
    ".txt": lambda run: text(summary(run), WIDTH),
}
_PICTURES = (".png", ".svg")
ENDINGS = (*_SPELLINGS, *_PICTURES)


def write(run: Run, path: Path | str) -> Path:
    """Write a report of a run; a picture is that of the breakdown.

    Args:
        run: A finished run.
        path: Where to; its ending chooses the format: `.html`, `.json`, `.md`, `.txt`, `.png`
            or `.svg`.

    Returns:
        The path.

    Raises:
        UsageError: The ending is none of these.
        StorageError: The disk refuses.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"cannot write a report to {path}: end the name in {', '.join(ENDINGS)}")
    if ending in _PICTURES:
        plot(run, "breakdown", path)
        return path
    content = _SPELLINGS[ending](run)
    with replacing(path) as file:
        file.write(content.encode())
    return path
