"""What charts of horizontal bars have in common: a row for each name, and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latprof.report.html.section import INK
from latprof.report.html.text import shown

__all__ = ["interval", "rows_axis"]


def interval(below: Sequence[float], above: Sequence[float], colour: str = INK) -> dict[str, Any]:
    """Return error bars, as plotly.js takes them.

    Args:
        below: How far each interval reaches below its value; 0 where it has no end.
        above: How far above.
        colour: Of the bars.
    """
    return {
        "type": "data",
        "symmetric": False,
        "array": list(above),
        "arrayminus": list(below),
        "color": colour,
    }


def rows_axis(names: Sequence[str], longest: int) -> dict[str, Any]:
    """Return an axis with a row for each name, the first on top.

    Rows have numbers, so that two names that are cut to the same text stay two.

    Args:
        names: From outside.
        longest: Characters of a name that are shown.
    """
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [shown(name, longest) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }
