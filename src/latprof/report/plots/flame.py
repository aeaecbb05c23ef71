"""Where sampled time went, call by call: stages on top, below them what they called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from latprof.analysis.hotframes import OUTSIDE
from latprof.analysis.stacktree import STATE_WORDS, Node, tree
from latprof.report.colours import contrasting, mixed, stage_colours
from latprof.report.plots.picture import (
    SMALL,
    WIDTH,
    Picture,
    label,
    picture,
    text_inches,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from latprof.run.model import Run

__all__ = ["flame_plot"]

ROW = 0.24  # inches
DEEPEST = 18  # rows; below them nobody looks
THINNEST = 0.002  # of the width
_PALER = dict(zip(STATE_WORDS.values(), (0.0, 0.25, 0.6), strict=True))


class _Box(NamedTuple):
    node: Node
    left: int
    row: int
    colour: str


def flame_plot(run: Run) -> Picture:
    """Return a flame graph, upside down, of the threads while they served requests."""
    root = tree(run)
    root.children.pop(OUTSIDE, None)
    colours = stage_colours(run.stages)
    total = sum(each.samples for each in root.children.values())
    boxes = [
        box for box in _laid(root.ordered(), 0, 0, colours) if box.node.samples >= THINNEST * total
    ]
    rows = 1 + max((box.row for box in boxes), default=0)
    figure = picture(1.3 + ROW * rows)
    titled(figure, _finding(root, total), run)
    if boxes:
        _draw(figure.subplots(), boxes, total, rows)
    return figure


def _laid(
    nodes: list[Node], left: int, row: int, colours: dict[str, str], colour: str = ""
) -> Iterator[_Box]:
    for node in nodes:
        own = colour or colours.get(node.name, "#8a8f98")
        shade = mixed(own, "#ffffff", _PALER.get(node.name, 0.0)) if row == 1 else own
        yield _Box(node, left, row, shade)
        if row + 1 < DEEPEST:
            yield from _laid(node.ordered(), left, row + 1, colours, shade)
        left += node.samples


def _finding(root: Node, total: int) -> str:
    """Say which call of which stage has most samples of its own."""
    if not total:
        return "No sample was taken in a request"
    stage, node = max(_owners(root), key=lambda pair: _own(pair[1]))
    share = f"{_own(node) / total:.0%}"
    return f"{label(stage, 20)}: {share} of the samples are in {label(node.name, 44)}"


def _owners(root: Node) -> Iterator[tuple[str, Node]]:
    for stage in root.children.values():
        stack = list(stage.children.values())
        while stack:
            node = stack.pop()
            yield stage.name, node
            stack.extend(node.children.values())


def _own(node: Node) -> int:
    return node.samples - sum(child.samples for child in node.children.values())


def _draw(axes: Axes, boxes: list[_Box], total: int, rows: int) -> None:
    for box in boxes:
        width = box.node.samples / total
        axes.broken_barh(
            [(box.left / total, width)],
            (box.row, 0.94),
            facecolor=box.colour,
            edgecolor="white",
            linewidth=0.5,
        )
        _word(axes, box, total, width)
    axes.set_xlim(0, 1)
    axes.set_ylim(rows, 0)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_xlabel("share of the samples taken in requests; below each call, what it called")


def _word(axes: Axes, box: _Box, total: int, width: float) -> None:
    """Write the name, or the end of it that has room, or nothing."""
    inches = width * (WIDTH - 0.6)
    for longest in (60, 30, 16, 8):
        text = label(box.node.name, longest)
        if text_inches(text, SMALL - 1) < inches - 0.05:
            axes.text(
                (box.left + box.node.samples / 2) / total,
                box.row + 0.5,
                text,
                size=SMALL - 1,
                color=contrasting(box.colour),
                ha="center",
                va="center",
            )
            return
