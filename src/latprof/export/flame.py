"""Sampled stacks as a flame graph: one page with a drawing a stage, without any script.

A box is a call: as wide as its share of the samples, under the one that called it. Pointing at a
box tells its name and share.
"""

from __future__ import annotations

import html as markup
from collections.abc import Iterator
from typing import TYPE_CHECKING

from latprof.analysis.stacktree import STATE_WORDS, Node, tree
from latprof.report.colours import contrasting, mixed, stage_colours
from latprof.report.document import one_line

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["flame"]

_WIDTH, _ROW = 1180.0, 19.0
_NARROWEST = 1.5  # a thinner box cannot be pointed at
_LETTER = 6.4  # about the width of one
_DEEPEST = 60
_PALER = dict(zip(STATE_WORDS.values(), (0.0, 0.25, 0.6), strict=True))

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 24px auto; max-width: {width}px; }}
h2 {{ font-size: 15px; margin: 26px 0 4px; }}
p {{ color: #556070; margin: 2px 0 6px; }}
text {{ font: 11px ui-monospace, monospace; pointer-events: none; }}
rect {{ stroke: #fff; stroke-width: 0.6; }}
rect:hover {{ stroke: #22262b; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Width: share of the samples of the stage. Under each box: what it called. Point at one.</p>
{body}
</body>
</html>
"""


def flame(run: Run) -> str:
    """Return the stacks of a run as one HTML page.

    Raises:
        UsageError: The run has no stacks.
    """
    colours = stage_colours(run.stages)
    title = markup.escape(f"Flame graph of {one_line(run.manifest['target'] or 'a recording', 60)}")
    body = (_stage(stage, colours.get(stage.name, "#8a8f98")) for stage in tree(run).ordered())
    return _PAGE.format(title=title, width=round(_WIDTH), body="\n".join(body))


def _stage(stage: Node, colour: str) -> str:
    boxes = [box for state in _placed(stage) for box in _boxes(*state, stage.samples, colour)]
    depth = max(row for row, _ in boxes) + 1
    drawn = "\n".join(text for _, text in boxes)
    name = markup.escape(one_line(stage.name, 60))
    return (
        f"<h2>{name}</h2><p>{stage.samples} samples</p>\n"
        f'<svg viewBox="0 0 {_WIDTH:g} {depth * _ROW:g}" role="img" aria-label="{name}">\n'
        f"{drawn}\n</svg>"
    )


def _placed(stage: Node) -> Iterator[tuple[Node, float, float, float]]:
    """Yield what threads did: with its left end, its row and how pale it is."""
    left = 0.0
    for state in stage.ordered():
        yield state, left, 0.0, _PALER.get(state.name, 0.0)
        left += state.samples


def _boxes(
    node: Node, left: float, row: float, pale: float, total: int, colour: str
) -> Iterator[tuple[int, str]]:
    scale = _WIDTH / total
    width = node.samples * scale
    if width < _NARROWEST or row >= _DEEPEST:
        return
    shade = mixed(colour, "#ffffff", pale + 0.12 * (int(row) % 2) * (1 - pale))
    yield int(row), _box(node, left * scale, row * _ROW, width, shade, node.samples / total)
    for child in node.ordered():
        yield from _boxes(child, left, row + 1, pale, total, colour)
        left += child.samples


def _box(node: Node, x: float, y: float, width: float, colour: str, share: float) -> str:
    name = one_line(node.name)
    letters = int((width - 6) / _LETTER)
    label = name if len(name) <= letters else f"{name[: letters - 1]}…" if letters > 3 else ""
    rect = f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{_ROW:g}" fill="{colour}">'
    told = f"<title>{markup.escape(name)}: {share:.1%}</title></rect>"
    if not label:
        return rect + told
    ink = contrasting(colour)
    word = f'<text x="{x + 3:.1f}" y="{y + 13:g}" fill="{ink}">{markup.escape(label)}</text>'
    return rect + told + word
