"""The pages of results other than runs: what they say, under a chart where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from latprof.report.document import Document
from latprof.report.html.figures.capacity import capacity_figure
from latprof.report.html.figures.gains import gains_figure
from latprof.report.html.figures.history import history_figure
from latprof.report.html.page import page
from latprof.report.html.section import Figure, Section

__all__ = ["answer_page"]

_FIGURES: Mapping[str, Callable[[Any], Figure | None]] = {
    "capacity": capacity_figure,
    "diagnosis": gains_figure,
    "history": history_figure,
}


def answer_page(answer: Any, told_by: str, document: Document) -> str:
    """Return a result as one HTML page.

    Args:
        answer: The result.
        told_by: The module of `latprof.report` that tells it.
        document: What that says.

    Raises:
        MissingDependencyError: plotly is not installed.
    """
    figure = _FIGURES[told_by](answer) if told_by in _FIGURES else None
    sections = [Section("answer", "Answer", document.blocks)]
    if figure is not None:
        sections.append(Section("chart", "Chart", [figure]))
    return page(document.title, sections)
