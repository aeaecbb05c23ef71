"""The document model: what a report says, as plain data, before any format spells it.

A document is built once from a run; terminal, notebook, Markdown and page only spell it. Numbers
live in typed cells that know their text, so that every spelling shows the same digits.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from latprof.run.model import Verdict
from latprof.units import NOTHING, interval_text, scaled_text, share_text

__all__ = [
    "FOLDED",
    "Bar",
    "Block",
    "Cell",
    "Chart",
    "Column",
    "Document",
    "Duration",
    "Fill",
    "Heading",
    "Headline",
    "Metric",
    "Notice",
    "Paragraph",
    "Part",
    "Row",
    "Series",
    "Share",
    "Table",
    "Words",
    "one_line",
]


FOLDED = ("Ruled out", "Not known")
"""Titles of tables that are long and read last: a page folds them away."""


class Fill(StrEnum):
    """How an area is filled, so that it can be told without its colour."""

    SOLID = "solid"
    MEDIUM = "medium"
    LIGHT = "light"
    HATCHED = "hatched"


@dataclass(frozen=True, slots=True)
class Words:
    """A cell of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Duration:
    """A cell of time: None where the sample cannot carry it.

    `divisor` is the nanoseconds of the unit that the table names.
    """

    value_ns: float | None
    divisor: float
    low_ns: float | None = None
    high_ns: float | None = None

    @property
    def text(self) -> str:
        """The number, with its interval where both ends are known."""
        number = scaled_text(self.value_ns, self.divisor)
        return f"{number} {self.interval}" if self.interval else number

    @property
    def interval(self) -> str:
        """The interval alone; empty where there is none."""
        if self.value_ns is None or self.low_ns is None or self.high_ns is None:
            return ""
        return interval_text(self.low_ns, self.high_ns, self.divisor)


@dataclass(frozen=True, slots=True)
class Share:
    """A cell that holds a share of one; with a colour, it is also drawn as a bar."""

    value: float | None
    colour: str | None = None
    fill: Fill = Fill.SOLID

    @property
    def text(self) -> str:
        """The share in percent."""
        return share_text(self.value)


Cell = Words | Duration | Share


@dataclass(frozen=True, slots=True)
class Column:
    """A head; numbers stand on the right, words on the left; `long` ones take several lines."""

    name: str
    right: bool = True
    long: bool = False


class Part(StrEnum):
    """What a row of the stage table is: stages are indented, the rest is set apart."""

    STAGE = "stage"
    OUTSIDE = "outside"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; `marked` for the one to look at first."""

    cells: tuple[Cell, ...]
    part: Part = Part.STAGE
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads, with footnotes."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of part in the bars of a chart."""

    name: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: a share for each series, in the colour of its stage."""

    label: str
    colour: str
    shares: tuple[Share, ...]
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal stacked bars, each of length one."""

    title: str
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """What the document, or a part of it, is about; `aside` stands beside it, quieter."""

    text: str
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of text; `quiet` for what is read last."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of the headline: its name, the number with its unit, and how sure it is."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers to be seen first."""

    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A verdict or a warning: each item is what was seen and, where known, what to do next."""

    severity: Verdict
    title: str
    items: tuple[tuple[str, str], ...] = ()


Block = Heading | Headline | Notice | Table | Chart | Paragraph


@dataclass(frozen=True, slots=True)
class Document:
    """What is said, in order."""

    title: str
    blocks: tuple[Block, ...]


_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def one_line(text: str, longest: int = 200) -> str:
    r"""Return text that came from outside as one harmless line of at most `longest` characters.

    Line breaks become spaces. Control characters (a terminal would obey them), marks that turn
    the reading direction, and halves of surrogate pairs become a visible stand-in.

    >>> one_line("pre\nprocess\x1b[31m")
    'pre process\ufffd[31m'
    """
    kept = "".join(" " if mark.isspace() else _shown(mark) for mark in text[: 4 * longest])
    line = " ".join(kept.split()) or NOTHING
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _shown(mark: str) -> str:
    hidden = unicodedata.category(mark) in {"Cc", "Cs"} or mark in _BIDIRECTIONAL
    return "\N{REPLACEMENT CHARACTER}" if hidden else mark
