"""A result that people read: in a terminal, in a notebook, as Markdown, or as plain data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Answer"]


class Answer:
    """What every result is spelled by, one way for all of them.

    A subclass names the module of `latprof.report` that tells it, which has `document(answer)` and
    `data(answer)`. It is imported when somebody reads, so that a result costs no report.

    Example:
        >>> class Given(Answer):
        ...     _told_by = "whatif"
        >>> Given.__str__ is Answer.__str__
        True
    """

    _told_by: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data that JSON knows; null for what there is not."""
        data: dict[str, Any] = self._teller().data(self)
        return data

    def markdown(self) -> str:
        """Return it as Markdown."""
        from latprof.report.markdown import markdown

        return markdown(self._teller().document(self))

    def report(self, path: Path | str) -> Path:
        """Write it to a file; the ending, `.html`, `.json`, `.md` or `.txt`, chooses the format."""
        from latprof.report.files import write_answer

        return write_answer(self, self._told_by, path)

    def _repr_html_(self) -> str:
        from latprof.report.notebook import fragment

        return fragment(self._teller().document(self))

    def __str__(self) -> str:
        from latprof.report.terminal import text

        return text(self._teller().document(self))

    def _teller(self) -> Any:
        return import_module(f"latprof.report.{self._told_by}")
