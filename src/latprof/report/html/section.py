"""What a page is made of: sections of blocks, and charts of which each has words beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from latprof.report.document import Block

__all__ = ["FAINT", "INK", "LINE", "Figure", "Folded", "Picture", "Section"]

INK, FAINT, LINE = "@ink", "@faint", "@line"
"""Colours that the page has in its light or its dark form."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Attributes:
        name: Unique in its page: letters and dashes.
        title: The finding, in one sentence.
        words: What the chart shows, for who cannot see it.
        traces: As plotly.js takes them. Texts from outside went through `text.shown`.
        layout: The same; what all charts have in common is added by the page.
        height: In CSS pixels.
        narrow: Changes to the layout on a narrow screen.
    """

    name: str
    title: str
    words: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int = 320
    narrow: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that are seen once their title is opened."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing that needs no script: an SVG element, and what it shows."""

    words: str
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page under a heading of its own.

    Attributes:
        name: Its anchor: unique in its page, letters and dashes.
        title: What the reader asks.
        parts: Blocks, charts, and what is folded away, in order.
    """

    name: str
    title: str
    parts: Sequence[Block | Figure | Folded | Picture]
