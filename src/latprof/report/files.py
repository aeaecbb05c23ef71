"""A report as a file: the ending of its name chooses the spelling."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.errors import UsageError
from latprof.report.data import as_data
from latprof.report.markdown import markdown
from latprof.report.summary import summary
from latprof.report.terminal import text
from latprof.run.disk import replacing

if TYPE_CHECKING:
    from latprof.report.document import Document
    from latprof.run.answer import Answer
    from latprof.run.model import Run

__all__ = ["ENDINGS", "write", "write_answer"]

WIDTH = 100  # columns of a text file: what a wide terminal and a diff both show


def _page(run: Run) -> str:
    from latprof.report.html.run import run_page  # a page or a picture: each loads much

    return run_page(run)


_SPELLINGS: dict[str, Callable[[Run], str]] = {
    ".html": _page,
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
        MissingDependencyError: A page needs plotly, which is not installed.
        StorageError: The disk refuses.
    """
    path = Path(path)
    ending = _ending(path, ENDINGS)
    if ending in _PICTURES:
        from latprof.report.plots import plot

        plot(run, "breakdown", path)
        return path
    return _written(path, _SPELLINGS[ending](run))


def write_answer(answer: Answer, told_by: str, path: Path | str) -> Path:
    """Write a result other than a run, as `write` does, but for pictures.

    Args:
        answer: The result.
        told_by: The module of `latprof.report` that tells it.
        path: Where to; its ending chooses the format: `.html`, `.json`, `.md` or `.txt`.
    """
    path = Path(path)
    ending = _ending(path, tuple(_SPELLINGS))
    if ending == ".json":
        return _written(path, json.dumps(answer.to_dict(), indent=2, allow_nan=False) + "\n")
    document: Document = import_module(f"latprof.report.{told_by}").document(answer)
    if ending == ".html":
        from latprof.report.html.answers import answer_page

        return _written(path, answer_page(answer, told_by, document))
    return _written(path, markdown(document) if ending == ".md" else text(document, WIDTH))


def _ending(path: Path, known: Sequence[str]) -> str:
    ending = path.suffix.lower()
    if ending not in known:
        raise UsageError(f"cannot write a report to {path}: end the name in {', '.join(known)}")
    return ending


def _written(path: Path, content: str) -> Path:
    with replacing(path) as file:
        file.write(content.encode())
    return path
