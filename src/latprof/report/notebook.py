"""The document as an HTML fragment: what a notebook shows for a run, and the body of the page."""

from __future__ import annotations

import html as markup
from collections.abc import Iterable, Sequence
from functools import singledispatch
from importlib import resources
from typing import TYPE_CHECKING

from latprof.report.document import (
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Duration,
    Fill,
    Heading,
    Headline,
    Notice,
    Paragraph,
    Row,
    Share,
    Table,
)
from latprof.report.summary import summary

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["blocks_html", "fragment", "html", "style"]


def html(run: Run) -> str:
    """Return the summary of a run for a notebook."""
    return fragment(summary(run))


def fragment(document: Document) -> str:
    """Return a document as one HTML element that brings its own style.

    Every text from outside is escaped. Nothing is loaded and no script runs. The style follows
    JupyterLab and VS Code where their variables are set, the system's light or dark theme
    elsewhere.
    """
    return f'<div class="latprof"><style>{style()}</style>\n{blocks_html(document.blocks)}\n</div>'


def blocks_html(blocks: Iterable[Block]) -> str:
    """Return blocks as HTML, for inside an element of class `latprof` beside `style`."""
    return "\n".join(map(_block, blocks))


def style() -> str:
    """Return the style of all blocks."""
    return resources.files(__package__).joinpath("fragment.css").read_text("utf-8")


def _tag(name: str, inner: str, kind: str = "", how: str = "") -> str:
    attributes = "".join(
        f' {key}="{value}"' for key, value in (("class", kind), ("style", how)) if value
    )
    return f"<{name}{attributes}>{inner}</{name}>"


def _text(text: str) -> str:
    return markup.escape(text, quote=True)


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(f"no spelling for {type(block).__name__}")


@_block.register
def _(heading: Heading) -> str:
    return _tag("div", _text(heading.text) + _tag("span", _text(heading.aside)), "lp-heading")


@_block.register
def _(headline: Headline) -> str:
    tiles = (
        _tag("div", _text(metric.name), "lp-name")
        + _tag("div", _text(metric.value), "lp-value")
        + _tag("div", _text(metric.detail), "lp-detail")
        for metric in headline.metrics
    )
    return _tag("div", "".join(_tag("div", tile) for tile in tiles), "lp-headline")


@_block.register
def _(notice: Notice) -> str:
    items = "".join(
        _tag("li", _text(seen) + (_tag("div", "→ " + _text(step), "lp-step") if step else ""))
        for seen, step in notice.items
    )
    title = _tag("div", _text(notice.title), "lp-title")
    kind = f"lp-notice lp-{notice.severity.lower()}"
    return _tag("div", title + (_tag("ul", items) if items else ""), kind)


@_block.register
def _(paragraph: Paragraph) -> str:
    return _tag("p", _text(paragraph.text), "lp-quiet" if paragraph.quiet else "")


@_block.register
def _(table: Table) -> str:
    shares = (cell for row in table.rows for cell in row.cells if isinstance(cell, Share))
    longest = max((share.value or 0 for share in shares if share.colour), default=0) or 1.0
    kinds = ["lp-left", *map(_kind, table.columns[1:])]
    heads = [
        _tag("th", _text(column.name), "" if column.right else kind)
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    rows = [_row(row, kinds, longest) for row in table.rows]
    return _titled(table.title, _grid(heads, rows), table.notes)


def _kind(column: Column) -> str:
    return "lp-long" if column.long else "" if column.right else "lp-words"


def _row(row: Row, kinds: Sequence[str], longest: float) -> str:
    cells = (_cell(cell, kind, longest) for cell, kind in zip(row.cells, kinds, strict=True))
    return _tag("tr", "".join(cells), f"lp-{row.part}" + (" lp-marked" if row.marked else ""))


def _cell(cell: Cell, kind: str, longest: float) -> str:
    if isinstance(cell, Duration) and cell.interval:
        number = cell.text.removesuffix(cell.interval)
        return _tag("td", _text(number) + _tag("span", _text(cell.interval), "lp-interval"))
    if isinstance(cell, Share) and cell.colour:
        width = 100 * (cell.value or 0) / longest
        bar = _tag("span", _area(cell.colour, cell.fill, width), "lp-track")
        return _tag("td", bar + _tag("span", _text(cell.text), "lp-share"))
    return _tag("td", _text(cell.text), kind)


def _area(colour: str, fill: Fill, percent: float) -> str:
    how = f"width:{percent:.2f}%;background-color:{colour}"
    return _tag("span", "", f"lp-area lp-{fill}", how)


@_block.register
def _(chart: Chart) -> str:
    heads = [_tag("th", "stage", "lp-left"), _tag("th", "")]
    heads += [
        _tag("th", _tag("span", "", f"lp-key lp-{series.fill}") + _text(series.name))
        for series in chart.series
    ]
    rows = [_tag("tr", _stack(chart, bar), "lp-marked" if bar.marked else "") for bar in chart.bars]
    return _titled(chart.title, _grid(heads, rows), chart.notes)


def _stack(chart: Chart, bar: Bar) -> str:
    areas = "".join(
        _area(bar.colour, series.fill, 100 * (share.value or 0))
        for series, share in zip(chart.series, bar.shares, strict=True)
    )
    numbers = "".join(_tag("td", _text(share.text)) for share in bar.shares)
    track = _tag("td", _tag("span", areas, "lp-track lp-wide"))
    return _tag("td", _text(bar.label), "lp-left") + track + numbers


def _titled(title: str, grid: str, notes: Iterable[str]) -> str:
    below = "".join(_tag("p", _text(note), "lp-quiet") for note in notes)
    return _tag("div", _tag("div", _text(title), "lp-title") + grid + below)


def _grid(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = _tag("thead", _tag("tr", "".join(heads)))
    return _tag("div", _tag("table", head + _tag("tbody", "".join(rows))), "lp-scroll")
