"""Pictures of a run: one file a kind, all drawn on the same paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from latprof.errors import UsageError
from latprof.report.plots.breakdown import breakdown_plot
from latprof.report.plots.cdf import cdf_plot
from latprof.report.plots.flame import flame_plot
from latprof.report.plots.picture import Picture, style
from latprof.report.plots.timeline import timeline_plot
from latprof.report.plots.waterfall import waterfall_plot

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["KINDS", "kinds", "plot"]

KINDS: dict[str, Callable[[Run], Picture]] = {
    "breakdown": breakdown_plot,
    "timeline": timeline_plot,
    "cdf": cdf_plot,
    "waterfall": waterfall_plot,
}

_OF_STACKS: dict[str, Callable[[Run], Picture]] = {"flame": flame_plot}


def kinds(run: Run) -> list[str]:
    """Return which pictures a run has: that of stacks only where they were taken."""
    return [*KINDS, *(_OF_STACKS if "stacks" in run.manifest["counts"] else ())]


def plot(run: Run, kind: str, path: Path | str | None = None) -> Picture:
    """Draw a picture of a run; a notebook shows what is returned.

    Args:
        run: A finished run.
        kind: `breakdown`, `timeline`, `cdf` or `waterfall`; `flame` where stacks were taken.
        path: Also write it there; the ending, `.png` or `.svg`, chooses the format.

    Returns:
        A matplotlib Figure that no global state of pyplot knows of.

    Raises:
        UsageError: No such kind, an ending that is not known, or a run without stacks.
        StorageError: The disk refuses.
    """
    known = KINDS | _OF_STACKS
    if kind not in known:
        raise UsageError(f"no plot {kind!r}: choose among {', '.join(known)}")
    with style():
        figure = known[kind](run)
    if path is not None:
        figure.write(Path(path))
    return figure
