"""The stage table and its companion chart, made once from the breakdown of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from latprof.analysis.quantiles import needed_size
from latprof.report.document import (
    Bar,
    Cell,
    Chart,
    Column,
    Duration,
    Fill,
    Part,
    Row,
    Series,
    Share,
    Table,
    Words,
    one_line,
)
from latprof.units import NOTHING, count_text, duration_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Quantile

__all__ = [
    "Record",
    "cpu_chart",
    "known",
    "largest_stage",
    "part_of",
    "quantile_cell",
    "records",
    "shared_unit",
    "stage_table",
]

Record = Mapping[str, Any]

QUANTILES = ("p50", "p95", "p99")
NAMED_IN_A_NOTE = 3  # more names than this make a footnote longer than the table it explains

_OUTSIDE = frozenset({"queue", "untracked"})
_FILLS = {"queue": Fill.MEDIUM, "untracked": Fill.HATCHED}


def part_of(stage: str) -> Part:
    """Tell a stage from what stands outside the stages, and from the total."""
    if stage == "total":
        return Part.TOTAL
    return Part.OUTSIDE if stage in _OUTSIDE else Part.STAGE


def largest_stage(breakdown: pd.DataFrame) -> str | None:
    """Return the row that takes most of the time, the total aside; None where nothing was timed.

    The queue and the untracked part take part: where they are largest, no stage is to blame.
    """
    rows = breakdown.loc[breakdown["stage"] != "total"]
    if rows.empty or not rows["sum"].max() > 0:
        return None
    return str(rows["stage"].iloc[int(rows["sum"].to_numpy().argmax())])


def shared_unit(breakdown: pd.DataFrame) -> tuple[float, str]:
    """Return `(divisor, unit)` for all times of a breakdown, so that its rows can be compared.

    The largest number gets up to four whole digits: 1,234 ms beside 0.13 ms says more than
    1.23 s beside 0.00 s.
    """
    largest = breakdown[["mean", *QUANTILES]].max().max()
    return time_unit(0.0 if math.isnan(largest) else float(largest) / 10)


def stage_table(
    breakdown: pd.DataFrame, colours: Mapping[str, str], latency: Callable[[float], Quantile]
) -> Table:
    """Return where the time goes, one row a stage, queue, untracked and total set apart.

    Args:
        breakdown: What `run.breakdown()` returns, times in nanoseconds.
        colours: Colour by stage, from `colours.stage_colours`.
        latency: Asks the run for a quantile, which knows what the requests are worth.
    """
    divisor, unit = shared_unit(breakdown)
    marked = largest_stage(breakdown)
    per = "request" if (breakdown["stage"] == "total").any() else "span"
    heads = ("mean", "p50 [95 %]", "p95", "p99 [95 %]")
    return Table(
        title=f"Where the time goes: {unit} per {per}",
        columns=(Column("stage", right=False), Column("share"), *map(Column, heads)),
        rows=tuple(
            Row(
                cells=_cells(row, divisor, colours),
                part=part_of(row["stage"]),
                marked=row["stage"] == marked,
            )
            for row in records(breakdown)
        ),
        notes=(*_dash_notes(breakdown, latency), *_notes(breakdown)),
    )


def _cells(row: Record, divisor: float, colours: Mapping[str, str]) -> tuple[Cell, ...]:
    name = str(row["stage"])
    colour = None if part_of(name) is Part.TOTAL else colours[name]
    return (
        Words(one_line(name)),
        Share(known(row["share"]), colour, _FILLS.get(name, Fill.SOLID)),
        Duration(known(row["mean"]), divisor),
        quantile_cell(row, "p50", divisor),
        Duration(known(row["p95"]), divisor),
        quantile_cell(row, "p99", divisor),
    )


def quantile_cell(row: Record, name: str, divisor: float) -> Duration:
    """Return the quantile `name` of a row with its interval."""
    value, low, high = (known(row[name + end]) for end in ("", "_lo", "_hi"))
    return Duration(value, divisor, low, high)


def known(value: float) -> float | None:
    """Return a number of a table, None where it has none."""
    return None if pd.isna(value) else float(value)


def records(breakdown: pd.DataFrame) -> list[Record]:
    """Return the rows of a breakdown, each by the names of its columns."""
    return [{str(key): row[key] for key in row} for row in breakdown.to_dict("records")]


def _dash_notes(breakdown: pd.DataFrame, latency: Callable[[float], Quantile]) -> list[str]:
    """Say once what a dash means, and how many requests would turn it into a number."""
    missing = [int(name[1:]) / 100 for name in QUANTILES if breakdown[name].isna().any()]
    if not missing:
        return []
    needed = ", ".join(f"p{100 * q:.0f} needs {count_text(needed_size(q))}" for q in missing)
    tail = min((latency(q) for q in missing), key=lambda quantile: quantile.n_effective)
    worth = f"; these {count_text(tail.n)} are worth {count_text(round(tail.n_effective))}"
    what = "requests" if tail.n else "spans"
    return [f"{NOTHING} too few independent {what}: {needed}{worth if tail.n else ''}."]


def _notes(breakdown: pd.DataFrame) -> list[str]:
    stages = [row for row in records(breakdown) if part_of(row["stage"]) is Part.STAGE]
    total = int(breakdown["requests"].max()) if len(breakdown) else 0
    rare = [
        f"{one_line(row['stage'], 40)} in {count_text(int(row['requests']))}"
        for row in stages
        if row["requests"] < total
    ]
    nested = [
        f"{one_line(row['stage'], 40)} {duration_text(row['inclusive_mean'])}"
        for row in stages
        if row["inclusive_mean"] > 1.005 * row["mean"]  # a difference that three digits show
    ]
    return [
        *_listed(f"Ran in fewer than all {count_text(total)} requests: ", rare),
        *_listed("Mean with the stages inside: ", nested),
    ]


def _listed(lead: str, items: list[str]) -> list[str]:
    if not items:
        return []
    more = len(items) - NAMED_IN_A_NOTE
    return [lead + ", ".join(items[:NAMED_IN_A_NOTE]) + (f" and {more} more." if more > 0 else ".")]


def cpu_chart(breakdown: pd.DataFrame, colours: Mapping[str, str]) -> Chart | None:
    """Return what the threads of each stage did; None where the run did not measure it."""
    rows = [row for row in records(breakdown) if known(row["cpu_share"]) is not None]
    rows = [row for row in rows if part_of(row["stage"]) is Part.STAGE]
    if not rows:
        return None
    marked = largest_stage(breakdown)
    return Chart(
        title="What each stage was doing",
        series=(
            Series("on CPU", Fill.SOLID),
            Series("waiting for a core", Fill.MEDIUM),
            Series("blocked", Fill.LIGHT),
        ),
        bars=tuple(
            Bar(
                label=one_line(row["stage"]),
                colour=colours[row["stage"]],
                shares=tuple(
                    Share(known(row[f"{what}_share"])) for what in ("cpu", "runqueue", "blocked")
                ),
                marked=row["stage"] == marked,
            )
            for row in rows
        ),
        notes=("Blocked: asleep, or waiting for I/O, for a lock or for other threads.",),
    )
