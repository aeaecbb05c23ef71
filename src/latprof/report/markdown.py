"""The document as Markdown: tables that a pull request shows, and that are text without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from latprof.report.document import (
    Block,
    Cell,
    Chart,
    Document,
    Heading,
    Headline,
    Notice,
    Paragraph,
    Part,
    Row,
    Share,
    Table,
)

__all__ = ["markdown"]

BAR = 20  # glyphs of the longest bar

_SAFE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
    | {mark: "\\" + mark for mark in "\\`*_{}[]#!|~$"}
)


def markdown(document: Document) -> str:
    """Return a document as GitHub-flavoured Markdown, names in it escaped."""
    return "\n\n".join(_block(block) for block in document.blocks) + "\n"


def _safe(text: str) -> str:
    """Escape what Markdown would take for markup, HTML, a table cell's end or a mention."""
    return text.translate(_SAFE)


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(f"no spelling for {type(block).__name__}")


@_block.register
def _(heading: Heading) -> str:
    aside = f" — {_safe(heading.aside)}" if heading.aside else ""
    return f"## {_safe(heading.text)}{aside}"


@_block.register
def _(headline: Headline) -> str:
    return _grid(
        ["", "", ""],
        ["left", "right", "left"],
        [
            [f"**{_safe(m.name)}**", f"**{_safe(m.value)}**", _safe(m.detail)]
            for m in headline.metrics
        ],
    )


@_block.register
def _(notice: Notice) -> str:
    lines = [f"**{_safe(notice.title)}**"]
    for seen, next_step in notice.items:
        lines.append(f"- {_safe(seen)}" + (f" → {_safe(next_step)}" if next_step else ""))
    return "\n".join([lines[0], "", *lines[1:]]).strip()


@_block.register
def _(paragraph: Paragraph) -> str:
    return f"<sub>{_safe(paragraph.text)}</sub>" if paragraph.quiet else _safe(paragraph.text)


@_block.register
def _(table: Table) -> str:
    longest = max(
        (
            c.value or 0
            for row in table.rows
            for c in row.cells
            if isinstance(c, Share) and c.colour
        ),
        default=0,
    )
    heads = [_safe(column.name) for column in table.columns]
    sides = ["right" if column.right else "left" for column in table.columns]
    rows = [[_cell(cell, row, longest or 1.0) for cell in row.cells] for row in table.rows]
    return _titled(table.title, _grid(heads, sides, rows), table.notes)


def _cell(cell: Cell, row: Row, longest: float) -> str:
    text = _safe(cell.text)
    if isinstance(cell, Share) and cell.colour:
        text = f"{'█' * round(BAR * (cell.value or 0) / longest)} {text}".strip()
    if row.marked or row.part is Part.TOTAL:
        return f"**{text}**"
    return f"*{text}*" if row.part is Part.OUTSIDE and cell is row.cells[0] else text


@_block.register
def _(chart: Chart) -> str:
    heads = ["stage", *(_safe(series.name) for series in chart.series)]
    rows = [[_safe(bar.label), *(share.text for share in bar.shares)] for bar in chart.bars]
    sides = ["left"] + ["right"] * len(chart.series)
    return _titled(chart.title, _grid(heads, sides, rows), chart.notes)


def _titled(title: str, grid: str, notes: Iterable[str]) -> str:
    return "\n\n".join(
        [f"### {_safe(title)}", grid, *(f"<sub>{_safe(note)}</sub>" for note in notes)]
    )


def _grid(heads: Sequence[str], sides: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rules = ["--:" if side == "right" else ":--" for side in sides]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rules, *rows))
