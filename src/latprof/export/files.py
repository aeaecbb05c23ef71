"""A run as a file for another tool: the format by its name, or by the ending of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.errors import UsageError
from latprof.export.chrome import chrome
from latprof.export.flame import flame
from latprof.export.speedscope import speedscope
from latprof.run.disk import replacing

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["FORMATS", "export"]

FORMATS: dict[str, Callable[[Run], str | Iterator[str]]] = {
    "chrome": chrome,
    "speedscope": speedscope,
    "flame": flame,
}
_ENDINGS = {".trace.json": "chrome", ".speedscope.json": "speedscope", ".flame.html": "flame"}


def export(run: Run, path: Path | str, spelling: str | None = None) -> Path:
    """Write a run for another tool.

    Args:
        run: A finished run.
        path: Where to.
        spelling: `chrome` (requests, stages, signals and phases, for Perfetto and
            chrome://tracing), `speedscope` (stacks, for speedscope.app) or `flame` (stacks, as a
            flame graph that any browser shows); by default what the name ends in, `.trace.json`,
            `.speedscope.json` or `.flame.html`, says.

    Returns:
        The path.

    Raises:
        UsageError: No such format, or the run does not have what goes into it.
        StorageError: The disk refuses.
    """
    path = Path(path)
    by_ending = (each for ending, each in _ENDINGS.items() if path.name.endswith(ending))
    wanted = spelling or next(by_ending, None)
    if wanted not in FORMATS:
        problem = "give format=" if wanted is None else f"no format {wanted!r}: choose"
        raise UsageError(f"cannot export to {path}: {problem} one of {', '.join(FORMATS)}")
    content = FORMATS[wanted](run)
    with replacing(path) as file:
        for piece in (content,) if isinstance(content, str) else content:
            file.write(piece.encode())
    return path
