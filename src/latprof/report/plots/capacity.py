"""Latency against the offered rate: what was measured, the limit, and where the knee lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from latprof.load.capacity.trial import Outcome, Reading, Trial
from latprof.report.capacity import STEEP, deciding, ends, height
from latprof.report.colours import BAD, GOOD, INK, WARNING
from latprof.report.plots.picture import (
    FAINT,
    WIDTH,
    Picture,
    label,
    legend,
    log_times,
    picture,
    plain_numbers,
    style,
)
from latprof.units import rate_text, time_unit

if TYPE_CHECKING:
    from latprof.load.capacity.model import Capacity
    from latprof.load.capacity.slo import Term

__all__ = ["capacity_plot"]

_LOOKS = {
    Outcome.PASS: ("o", GOOD, "passed"),
    Outcome.FAIL: ("X", BAD, "failed"),
    Outcome.UNDECIDED: ("d", WARNING, "undecided: no pass"),
}
_ROOM = 1.35  # above and below what is drawn, on a logarithmic axis


def capacity_plot(capacity: Capacity, path: Path | str | None = None) -> Picture:
    """Return latency against the offered rate, trial by trial; save it too where `path` is given.

    Behind the trials stands what a replay of the target alone expects: where it turns steep is the
    knee.

    Args:
        capacity: Of the first term of its SLO that limits a latency.
        path: Ends in `.png` or `.svg`.

    Raises:
        UsageError: An ending that is not known.
        StorageError: The disk refuses.
    """
    with style():
        figure = picture(4.2)
        _title(figure, capacity)
        term = next((each for each in capacity.terms if each.limit_ns is not None), None)
        if term is not None:
            _draw(figure.subplots(), capacity, term)
    if path is not None:
        figure.write(Path(path))
    return figure


def _title(figure: Picture, capacity: Capacity) -> None:
    height, x = figure.get_figheight(), 0.12 / WIDTH
    terms = ", ".join(map(str, capacity.terms))
    finding = f"no rate is known to keep {terms}"
    if capacity.rate is not None:
        finding = f"{terms} holds up to {rate_text(capacity.rate)}"
    figure.text(x, 1 - 0.1 / height, label(finding, 90), size=13, weight="bold", va="top")
    about = label(f"{capacity.target} · {capacity.mode} search", 100)
    figure.text(x, 1 - 0.38 / height, about, size=9, color=FAINT, va="top")


def _draw(axes: Axes, capacity: Capacity, term: Term) -> None:
    limit_ns = term.limit_ns or 1.0
    divisor, unit = time_unit(limit_ns)
    points = [
        (trial, reading)
        for trial in deciding(capacity.trials)
        for reading in trial.readings
        if reading.term == term and height(reading) is not None
    ]
    _course(axes, capacity, term, divisor)
    _marks(axes, points, divisor)
    axes.axhline(limit_ns / divisor, color=BAD, linewidth=1.6, linestyle="--", label=str(term))
    if capacity.rate is not None:
        axes.axvline(
            capacity.rate,
            color=GOOD,
            linewidth=1.4,
            linestyle=":",
            zorder=0,
            label="holds up to here",
        )
    values = [limit_ns, *(height(reading) or limit_ns for _, reading in points)]
    values += [value for _, value in capacity.course if value < STEEP * limit_ns and not term.stage]
    low, high = min(values) / divisor / _ROOM, max(values) / divisor * _ROOM
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    log_times(axes.yaxis, low, high)
    plain_numbers(axes.xaxis)
    axes.set_xlabel("offered rate (requests a second)")
    axes.set_ylabel(f"{label(term.name)} ({unit}, log scale)")
    legend(axes, *axes.get_legend_handles_labels(), WIDTH - 0.8)


def _course(axes: Axes, capacity: Capacity, term: Term, divisor: float) -> None:
    """Draw what is expected, as far up as it can be seen and as far right as it is of interest."""
    if term.stage is not None or not capacity.course:
        return
    tried = max((trial.rate for trial in capacity.trials), default=0.0)
    steep = STEEP * (term.limit_ns or 0.0)
    shown = [(r, v) for r, v in capacity.course if v < steep or r <= tried]
    axes.plot(
        [rate for rate, _ in shown],
        [value / divisor for _, value in shown],
        color=INK,
        linewidth=1.2,
        alpha=0.45,
        zorder=1,
        label="expected of the target alone",
    )


def _marks(axes: Axes, points: list[tuple[Trial, Reading]], divisor: float) -> None:
    for outcome, (marker, colour, words) in _LOOKS.items():
        chosen = [(t, r) for t, r in points if t.outcome is outcome]
        if not chosen:
            continue
        rates = [trial.rate for trial, _ in chosen]
        values = np.array([height(reading) for _, reading in chosen]) / divisor
        spans = np.array([ends(reading) for _, reading in chosen]).T / divisor
        spread = np.abs(spans - values)
        axes.errorbar(rates, values, yerr=spread, fmt="none", ecolor=colour, elinewidth=1.6)
        axes.plot(rates, values, marker, color=colour, markersize=7, label=words)
