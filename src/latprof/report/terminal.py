"""The document on a terminal: readable at 80 columns, with and without colour."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from functools import singledispatch
from itertools import accumulate, pairwise
from typing import Literal

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from latprof.report.document import (
    Bar,
    Block,
    Chart,
    Document,
    Duration,
    Fill,
    Heading,
    Headline,
    Notice,
    Paragraph,
    Part,
    Row,
    Share,
    Table,
)
from latprof.run.model import Verdict

__all__ = ["show", "text"]

GAP = 2  # cells between the columns of a chart
LONGEST_BAR = 24  # cells; beyond this a bar is no easier to compare
SHORTEST_BAR = 6
LONGEST_NAME, SHORT_NAME, SHORTEST_NAME = 28, 18, 12  # cells: at ease, for a bar, for numbers
GLYPHS = {Fill.SOLID: "█", Fill.MEDIUM: "▒", Fill.LIGHT: "░", Fill.HATCHED: "░"}
STYLES = {Verdict.VALID: "bold green", Verdict.WARN: "bold yellow", Verdict.INVALID: "bold red"}
MARK = "▶ "

# Rules under the head and above a section, nothing else; rich reads left, line, divider, right.
_RULED = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
_EIGHTHS = " ▏▎▍▌▋▊▉"
_PLAIN = str.maketrans("█▒░▶→–…≥≤µ·─▏▎▍▌▋▊▉", "#=.>>-.><u|-       ")


def show(document: Document, console: Console | None = None) -> None:
    """Print a document.

    Colour follows rich: none where the output is not a terminal, or where `NO_COLOR` is set.

    Args:
        document: What to print.
        console: Where; standard output by default.
    """
    console = console or Console(highlight=False)
    if console.encoding.lower().startswith("utf"):
        console.print(_spelled(document, console.width))
    else:
        plain = text(document, console.width).translate(_PLAIN)
        known = plain.encode(console.encoding, "replace").decode(console.encoding)
        console.print(known, markup=False, end="")


def text(document: Document, width: int = 80, *, colour: bool = False) -> str:
    """Return a document as text of at most `width` columns.

    Args:
        document: What to spell.
        width: Columns, 60 or more; numbers are never cut to fit.
        colour: Whether to put in ANSI colours.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(_spelled(document, width))
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _spelled(document: Document, width: int) -> Group:
    pairs = pairwise((None, *document.blocks))
    return Group(
        *(
            Padding(_block(block, width), (_gap(above, block), 0, 0, 0))
            for above, block in pairs
            if block is not None
        )
    )


def _gap(above: Block | None, block: Block) -> int:
    """Return the empty lines between two blocks: none where they belong together."""
    quiet = all(isinstance(each, Paragraph) and each.quiet for each in (above, block))
    return 0 if quiet or above is None or isinstance(above, Heading) else 1


@singledispatch
def _block(block: Block, width: int) -> RenderableType:  # noqa: ARG001 - all blocks are called alike
    raise TypeError(f"no spelling for {type(block).__name__}")


@_block.register
def _(heading: Heading, width: int) -> RenderableType:  # noqa: ARG001 - all blocks are called alike
    line = Text(heading.text, style="bold")
    if heading.aside:
        line.append("  " + heading.aside, style="dim")
    return Group(line, Rule(style="dim"))


@_block.register
def _(headline: Headline, width: int) -> RenderableType:  # noqa: ARG001 - all blocks are called alike
    grid = Grid.grid(padding=(0, 2))
    for metric in headline.metrics:
        detail = Text(metric.detail, style="dim")
        grid.add_row(Text(metric.name), Text(metric.value, style="bold"), detail)
    return grid


@_block.register
def _(notice: Notice, width: int) -> RenderableType:  # noqa: ARG001 - all blocks are called alike
    items = Grid.grid(padding=(0, 1, 0, 0))
    for seen, next_step in notice.items:
        items.add_row("  ·", Text(seen))
        if next_step:
            items.add_row("", Text("→ " + next_step))
    title = Text(notice.title, style=STYLES[notice.severity])
    return Group(title, items) if notice.items else title


@_block.register
def _(paragraph: Paragraph, width: int) -> RenderableType:  # noqa: ARG001 - all blocks are called alike
    return Text(paragraph.text, style="dim" if paragraph.quiet else "")


@_block.register
def _(table: Table, width: int) -> RenderableType:
    if any(column.long for column in table.columns):
        return _prose(table)
    gap, name_cells, bar_cells = _room(table, width)
    grid = _grid(gap)
    for at, column in enumerate(table.columns):
        cells = name_cells if at == 0 else None
        justify: Literal["left", "right"] = "right" if column.right else "left"
        grid.add_column(
            column.name, justify=justify, no_wrap=True, min_width=cells, max_width=cells
        )
    longest = _longest_share(table)
    for row in table.rows:
        if row.part is Part.TOTAL:
            grid.add_section()
        strong = row.marked or row.part is Part.TOTAL
        grid.add_row(*_cells(row, bar_cells, longest), style="bold" if strong else "")
    return Group(Text(table.title, style="bold"), grid, *_notes(table.notes))


def _prose(table: Table) -> RenderableType:
    """Spell a table of sentences: long ones take several lines."""
    grid = _grid(GAP)
    for column in table.columns:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        grid.add_column(column.name, justify=justify, no_wrap=not column.long, overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(cell.text) for cell in row.cells), style="bold" if row.marked else "")
    return Group(Text(table.title, style="bold"), grid, *_notes(table.notes))


def _grid(gap: int) -> Grid:
    return Grid(
        box=_RULED,
        padding=(0, gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        border_style="dim",
    )


def _room(table: Table, width: int) -> tuple[int, int, int]:
    """Share the width: numbers come first, then names, and bars get what is left.

    Returns:
        Cells between columns, for a name, and for a bar; 0 where there is no room for bars.
    """
    numbers = [_widest(table, at) for at in range(1, len(table.columns))]
    for gap, longest in ((2, LONGEST_NAME), (2, SHORT_NAME), (1, LONGEST_NAME), (1, SHORT_NAME)):
        name_cells = min(_widest(table, 0) + len(MARK), longest)
        left = width - sum(numbers) - gap * len(numbers)
        if (bar_cells := left - name_cells - 1) >= SHORTEST_BAR:
            return gap, name_cells, min(bar_cells, LONGEST_BAR)
    return 1, max(SHORTEST_NAME, min(name_cells, left)), 0


def _widest(table: Table, at: int) -> int:
    return max(cell_len(text) for text in _column_texts(table, at))


def _column_texts(table: Table, at: int) -> Iterator[str]:
    yield table.columns[at].name
    yield from (row.cells[at].text for row in table.rows)


def _longest_share(table: Table) -> float:
    cells = (cell for row in table.rows for cell in row.cells)
    drawn = (cell.value or 0 for cell in cells if isinstance(cell, Share) and cell.colour)
    return max(drawn, default=0) or 1.0


def _cells(row: Row, bar_cells: int, longest: float) -> Iterator[Text]:
    name, *numbers = row.cells
    indent = MARK if row.marked else " " * len(MARK) if row.part is Part.STAGE else ""
    yield Text(indent + name.text, overflow="ellipsis")
    for cell in numbers:
        if isinstance(cell, Share):
            yield _share(cell, bar_cells, longest)
        elif isinstance(cell, Duration) and cell.interval:
            number = cell.text.removesuffix(cell.interval)
            yield Text.assemble(number, (cell.interval, "not bold dim"))
        else:
            yield Text(cell.text)


def _share(share: Share, cells: int, longest: float) -> Text:
    if not cells:
        return Text(share.text)
    drawn = share.value if share.colour and share.value else 0.0
    bar = _bar(drawn / longest * cells, share.fill)
    return Text.assemble((f"{bar:<{cells}} ", share.colour or ""), f"{share.text:>7}")


def _bar(cells: float, fill: Fill) -> str:
    """Return a bar to an eighth of a cell; a part of one is only to be had solid."""
    if fill is not Fill.SOLID:
        return GLYPHS[fill] * max(round(cells), 1 if cells > 0 else 0)
    eighths = max(round(8 * cells), 1 if cells > 0 else 0)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


@_block.register
def _(chart: Chart, width: int) -> RenderableType:
    heads = [f"{GLYPHS[series.fill]} {series.name}" for series in chart.series]
    numbers = sum(cell_len(head) + GAP for head in heads)
    named = max(len(MARK) + cell_len(bar.label) for bar in chart.bars)
    name_cells = min(named, LONGEST_NAME if width > numbers + 2 * LONGEST_NAME else SHORT_NAME)
    bar_cells = max(SHORTEST_BAR, min(width - name_cells - numbers - GAP, LONGEST_BAR))
    grid = _grid(GAP)
    grid.add_column("", no_wrap=True, min_width=name_cells, max_width=name_cells)
    grid.add_column("", no_wrap=True)
    for head in heads:
        grid.add_column(head, justify="right", no_wrap=True)
    for bar in chart.bars:
        name = Text((MARK if bar.marked else " " * len(MARK)) + bar.label, overflow="ellipsis")
        stack = Text(_stack(chart, bar, bar_cells))
        stack.stylize(bar.colour)
        shares = (Text(share.text) for share in bar.shares)
        grid.add_row(name, stack, *shares, style="bold" if bar.marked else "")
    return Group(Text(chart.title, style="bold"), grid, *_notes(chart.notes))


def _stack(chart: Chart, bar: Bar, cells: int) -> str:
    """Return glyphs for the shares; their ends are rounded, so that shares of one fill the bar."""
    ends = [round(cells * min(1.0, end)) for end in accumulate(s.value or 0 for s in bar.shares)]
    pairs = zip(chart.series, [0, *ends], ends, strict=False)
    return "".join(GLYPHS[series.fill] * (end - begin) for series, begin, end in pairs)


def _notes(notes: Iterable[str]) -> list[RenderableType]:
    return [Text(note, style="dim") for note in notes]
