"""A capacity as a document: the rate, what the SLO was at each rate tried, and what to doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from latprof.load.capacity.trial import Finding, Outcome, Reading, Trial
from latprof.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Duration,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    Row,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import NOTHING, count_text, counted_text, rate_text, share_text, time_unit

if TYPE_CHECKING:
    from latprof.load.capacity.model import Capacity
    from latprof.load.capacity.slo import Term

__all__ = ["STEEP", "data", "deciding", "document", "ends", "height", "table"]

STEEP = 3.0
"""Times the limit: how far up a chart follows the climb behind the knee."""

_SEVERITY = {
    Finding.FOUND: Verdict.VALID,
    Finding.AT_LEAST: Verdict.WARN,
    Finding.NONE: Verdict.INVALID,
    Finding.OPEN: Verdict.WARN,
}


def table(capacity: Capacity) -> pd.DataFrame:
    """Return one row a trial; see `Capacity.table`."""
    frame = pd.DataFrame([_record(trial) for trial in capacity.trials], columns=_columns(capacity))
    frame.attrs["unit"] = "ns"
    return frame


def _columns(capacity: Capacity) -> list[str]:
    measured = (f"{term.name}{end}" for term in capacity.terms for end in ("", "_lo", "_hi"))
    return ["rate", "requests", "seconds", "outcome", "reason", *measured]


def _record(trial: Trial) -> dict[str, Any]:
    record: dict[str, Any] = {
        "rate": trial.rate,
        "requests": trial.requests,
        "seconds": trial.seconds,
        "outcome": trial.outcome.value,
        "reason": trial.reason,
    }
    for reading in trial.readings:
        for end, value in (("", reading.value), ("_lo", reading.low), ("_hi", reading.high)):
            record[reading.term.name + end] = np.nan if value is None else value
    return record


def data(capacity: Capacity) -> dict[str, Any]:
    """Return a capacity as plain data that JSON knows; null for what there is not."""
    rows = table(capacity).astype(object)
    known = rows.where(rows.notna() & (rows != np.inf), None)
    return {
        "target": capacity.target,
        "slo": [str(term) for term in capacity.terms],
        "mode": capacity.mode,
        "finding": capacity.finding.value,
        "verdict": capacity.verdict,
        "rate": capacity.rate,
        "first_failed": capacity.first_failed,
        "expected": capacity.expected,
        "course": [{"rate": rate, "ns": value} for rate, value in capacity.course],
        "workers": capacity.workers,
        "seed": capacity.seed,
        "requests": capacity.requests,
        "drift": capacity.drift,
        "stopped": capacity.stopped,
        "interrupted": capacity.interrupted,
        "trials": known.to_dict("records"),
    }


def document(capacity: Capacity) -> Document:
    """Return what a search has found: the rate first, then the trials by rate."""
    return Document(one_line(capacity.target), tuple(_blocks(capacity)))


def _blocks(capacity: Capacity) -> Iterator[Block]:
    yield Heading(one_line(capacity.target), f"{capacity.mode} search, {_served(capacity)}")
    if capacity.rate is not None:
        yield Headline(tuple(_metrics(capacity)))
    yield _notice(capacity)
    if capacity.trials and capacity.mode != "quick":  # whose steps decide nothing one by one
        yield _trials(capacity)
    yield Paragraph(_effort(capacity), quiet=True)


def _served(capacity: Capacity) -> str:
    if capacity.workers is None:
        return "no limit to requests at once"
    return f"{counted_text(capacity.workers, 'request')} at once"


def _metrics(capacity: Capacity) -> Iterator[Metric]:
    about = "about " if capacity.mode == "quick" else ""
    yield Metric(
        "holds at", f"{about}{rate_text(capacity.rate)}", ", ".join(map(str, capacity.terms))
    )
    if capacity.first_failed is not None:
        yield Metric(
            "not at", rate_text(capacity.first_failed), "the lowest rate that did not pass"
        )


def _notice(capacity: Capacity) -> Notice:
    doubts = []
    if capacity.drift:
        doubts.append((capacity.drift, "the target or the machine changed: search again"))
    if capacity.stopped:
        doubts.append((capacity.stopped, f"give more requests= or seconds= to {_aim(capacity)}"))
    if capacity.interrupted and capacity.rate is not None:
        doubts.append(("interrupted by Ctrl-C", "search again to its end"))
    severity = _SEVERITY[capacity.finding]
    if doubts and severity is Verdict.VALID:
        severity = Verdict.WARN
    return Notice(severity, one_line(capacity.verdict, 400), tuple(doubts))


def _aim(capacity: Capacity) -> str:
    return "decide" if capacity.rate is None else "narrow the range"


def _trials(capacity: Capacity) -> Table:
    shown = deciding(capacity.trials)
    units = {term.name: _unit(term, shown) for term in capacity.terms}
    heads = [
        Column(f"{term.name} {units[term.name][1]}".strip() + " [95 %]") for term in capacity.terms
    ]
    rows = tuple(_row(trial, capacity, units) for trial in shown)
    columns = (Column("rate"), Column("requests"), *heads, Column("", right=False))
    return Table("What was tried, by rate; of each rate the longest load", columns, rows)


def deciding(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trial that decided each rate, by rate.

    That is the last one; the shorter ones were looks on the way. The first load, repeated at the
    end to see whether the target has changed, decides nothing.
    """
    seeds, last = set(), {}
    for trial in trials:
        if trial.seed not in seeds:
            last[trial.rate] = trial
        seeds.add(trial.seed)
    return [last[rate] for rate in sorted(last)]


def _unit(term: Term, trials: Sequence[Trial]) -> tuple[float, str]:
    if term.limit_ns is None:
        return 1.0, ""
    values = [
        reading.value
        for trial in trials
        for reading in trial.readings
        if reading.term == term and reading.value is not None and np.isfinite(reading.value)
    ]
    return time_unit(max([term.limit_ns, *values]) / 10)


def _row(trial: Trial, capacity: Capacity, units: dict[str, tuple[float, str]]) -> Row:
    cells: list[Cell] = [Words(rate_text(trial.rate)), Words(count_text(trial.requests))]
    cells += [_cell(reading, units[reading.term.name][0]) for reading in trial.readings]
    cells.append(Words(_outcome(trial)))
    return Row(tuple(cells), marked=trial.rate == capacity.rate)


def _cell(reading: Reading, divisor: float) -> Cell:
    if reading.value is None:
        return Words(f"{share_text(reading.share)} beyond")
    if reading.term.limit_ns is None:
        return Words(share_text(reading.value))
    if not np.isfinite(reading.value):
        return Words("no answer")
    high = reading.high if reading.high is None or np.isfinite(reading.high) else None
    return Duration(reading.value, divisor, reading.low, high)


def _outcome(trial: Trial) -> str:
    if trial.outcome is Outcome.INVALID:
        return one_line(f"invalid: {trial.reason}", 40)
    return (
        str(trial.outcome)
        if trial.outcome is not Outcome.UNDECIDED
        else f"undecided {NOTHING} no pass"
    )


def _effort(capacity: Capacity) -> str:
    seconds = capacity.alone.seconds + sum(trial.seconds for trial in capacity.trials)
    loads = counted_text(len(capacity.trials), "load")
    requests = counted_text(capacity.requests, "request")
    guess = (
        ""
        if capacity.expected is None
        else (f" A replay of the target alone expected {rate_text(capacity.expected)}.")
    )
    return f"{loads}, {requests}, {seconds:,.0f} s of load.{guess}"


def height(reading: Reading) -> float | None:
    """Return the value; where the sample cannot carry it, the least that it can be."""
    value = reading.low if reading.value is None else reading.value
    return None if value is None or not np.isfinite(value) else value


def ends(reading: Reading) -> tuple[float, float]:
    """Return the interval; where it has no bound, the value itself."""
    value = height(reading) or 0.0
    low = value if reading.low is None else reading.low
    high = value if reading.high is None or not np.isfinite(reading.high) else reading.high
    return low, high
