"""Latency against the offered rate: each trial with its interval, the limit, and what held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latprof.load.capacity.trial import Outcome, Reading, Trial
from latprof.report.capacity import STEEP, deciding, ends, height
from latprof.report.colours import BAD, GOOD, WARNING
from latprof.report.html.figures.bars import interval
from latprof.report.html.section import FAINT, Figure
from latprof.report.html.text import shown
from latprof.units import rate_text, scaled_text, time_unit

if TYPE_CHECKING:
    from latprof.load.capacity.model import Capacity
    from latprof.load.capacity.slo import Term

__all__ = ["capacity_figure"]

_LOOKS = {
    Outcome.PASS: ("circle", GOOD, "passed"),
    Outcome.FAIL: ("x", BAD, "failed"),
    Outcome.UNDECIDED: ("diamond", WARNING, "undecided: no pass"),
}


def capacity_figure(capacity: Capacity) -> Figure | None:
    """Return the trials of a search; None where no term of its SLO limits a latency."""
    term = next((each for each in capacity.terms if each.limit_ns is not None), None)
    points = [] if term is None else _points(capacity, term)
    if term is None or not points:
        return None
    divisor, unit = time_unit(term.limit_ns or 1.0)
    limit = (term.limit_ns or 1.0) / divisor
    terms = ", ".join(map(str, capacity.terms))
    title = f"No rate is known to keep {terms}"
    if capacity.rate is not None:
        title = f"{terms} holds up to {rate_text(capacity.rate)}"
    shapes: list[dict[str, Any]] = [_rule("y", limit, BAD, "dash")]
    if capacity.rate is not None:
        shapes.append(_rule("x", capacity.rate, GOOD, "dot"))
    return Figure(
        name="capacity",
        title=title,
        words=f"Points: {term.name} in {unit} at each offered rate. "
        + ". ".join(
            f"{rate_text(trial.rate)}: {scaled_text(value, divisor)} {unit}, {trial.outcome}"
            for trial, _, value in points
        ),
        traces=[*_course(capacity, term, divisor), *_marks(points, divisor, unit)],
        layout={
            "shapes": shapes,
            "xaxis": {"title": {"text": "offered rate (requests a second)"}},
            "yaxis": {"type": "log", "title": {"text": f"{shown(term.name)} ({unit}, log scale)"}},
        },
        height=400,
    )


def _points(capacity: Capacity, term: Term) -> list[tuple[Trial, Reading, float]]:
    found = (
        (trial, reading, height(reading))
        for trial in deciding(capacity.trials)
        for reading in trial.readings
        if reading.term == term
    )
    return [
        (trial, reading, value)
        for trial, reading, value in found
        if value is not None and value > 0
    ]


def _rule(axis: str, value: float, colour: str, dash: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        f"{axis}0": value,
        f"{axis}1": value,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
        "line": {"color": colour, "dash": dash, "width": 1.6},
    }


def _course(capacity: Capacity, term: Term, divisor: float) -> list[dict[str, Any]]:
    """Return what is expected of the target alone, as far up as it is of interest."""
    if term.stage is not None:
        return []
    steep = STEEP * (term.limit_ns or 0.0)
    shown_part = [(rate, value) for rate, value in capacity.course if 0 < value < steep]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "expected of the target alone",
            "x": [rate for rate, _ in shown_part],
            "y": [value / divisor for _, value in shown_part],
            "line": {"color": FAINT, "width": 1.4},
            "hoverinfo": "skip",
        }
    ]


def _marks(
    points: list[tuple[Trial, Reading, float]], divisor: float, unit: str
) -> list[dict[str, Any]]:
    traces = []
    for outcome, (symbol, colour, words) in _LOOKS.items():
        chosen = [(t, r, value) for t, r, value in points if t.outcome is outcome]
        if chosen:
            reaches = [_reaches(reading, value) for _, reading, value in chosen]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": words,
                    "x": [trial.rate for trial, _, _ in chosen],
                    "y": [value / divisor for _, _, value in chosen],
                    "marker": {"symbol": symbol, "size": 10, "color": colour},
                    "error_y": interval(
                        [low / divisor for low, _ in reaches],
                        [high / divisor for _, high in reaches],
                        colour,
                    ),
                    "hovertext": [
                        f"{rate_text(trial.rate)}: {scaled_text(value, divisor)} {unit}, {words}"
                        for trial, _, value in chosen
                    ],
                    "hoverinfo": "text",
                }
            )
    return traces


def _reaches(reading: Reading, value: float) -> tuple[float, float]:
    """Return how far the interval reaches below and above; 0 where it has no end."""
    low, high = ends(reading)
    return max(0.0, value - low), max(0.0, high - value)
