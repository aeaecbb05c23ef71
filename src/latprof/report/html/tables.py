"""Tables that only the page has: the numbers beneath its charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latprof.report.document import Column, Duration, Row, Share, Table, Words, one_line
from latprof.report.stages import part_of, records
from latprof.units import NOTHING, count_text, interval_text, scaled_text, time_unit

if TYPE_CHECKING:
    import pandas as pd

    from latprof.analysis.whatif.prediction import Forecast
    from latprof.run.model import Run

__all__ = ["slices_table", "tail_table", "what_if_table"]

_MOST_ATTRIBUTES = 12
_MOST_STAGES = 5
_MOST_REPLAYED = 50_000  # requests: a replay of more takes longer than the page
_TWICE = 2.0


def tail_table(found: pd.DataFrame) -> Table | None:
    """Return what each part takes in a typical and in a slow request; None without requests.

    Args:
        found: What `run.tail()` returned.
    """
    if found.empty:
        return None
    rows = records(found.reset_index(drop=True))
    divisor, unit = time_unit(max(row["tail"] for row in rows) / 10)
    columns = ("part", "typical", "around p99", "more", "share of it", "to blame for")
    notes = ("To blame: each wait is counted for the parts that were being served meanwhile.",)
    reason = found.attrs.get("reason")
    return Table(
        title=f"Typical and slow requests, {unit}",
        columns=(Column(columns[0], right=False), *map(Column, columns[1:])),
        rows=tuple(
            Row(
                (
                    Words(one_line(str(row["part"]), 60)),
                    *(Duration(row[name], divisor) for name in ("typical", "tail", "excess")),
                    Share(row["excess_share"]),
                    Share(row["blame_share"]),
                ),
                part=part_of(str(row["part"])),
            )
            for row in rows
        ),
        notes=(*notes, *((one_line(str(reason), 300),) if reason else ())),
    )


def slices_table(attributes: pd.DataFrame) -> Table | None:
    """Return which attributes explain latency; None where a run has none.

    Args:
        attributes: What `run.slices()` returned.
    """
    rows = [row for row in records(attributes) if row["distinct"] > 1][:_MOST_ATTRIBUTES]
    if not rows:
        return None
    columns = ("attribute", "values", "explains", "slowest", "lift")
    return Table(
        title="What explains how latency varies",
        columns=(Column(columns[0], right=False), *map(Column, columns[1:])),
        rows=tuple(
            Row(
                (
                    Words(one_line(str(row["attribute"]), 40)),
                    Words(count_text(int(row["distinct"]))),
                    Share(row["explained"]),
                    Words(one_line(str(row["slowest"]), 40)),
                    Words(NOTHING if math.isnan(row["lift"]) else f"{row['lift']:.1f} x"),
                )
            )
            for row in rows
        ),
        notes=("Lift: how much more often the slowest slice is among the slowest requests.",),
    )


def what_if_table(run: Run, breakdown: pd.DataFrame) -> Table | None:
    """Return latency if each of the largest stages were twice as fast; None where it is refused.

    Args:
        run: A finished run.
        breakdown: What `run.breakdown()` returned.
    """
    if not 0 < run.manifest["counts"]["requests"] <= _MOST_REPLAYED:
        return None
    shares = {str(row["stage"]): row["share"] for row in records(breakdown)}
    stages = [name for name in run.stages if shares.get(name, 0.0) > 0]
    stages = sorted(stages, key=lambda name: -shares[name])[:_MOST_STAGES]
    rows = []
    for stage in stages:
        found = run.what_if(speedup={stage: _TWICE})
        if found.refused:
            continue
        rows.append(Row((Words(one_line(stage, 60)), *map(_forecast, (found.p50, found.p99)))))
    if not rows:
        return None
    columns = (Column("twice as fast", right=False), Column("p50"), Column("p99"))
    return Table("If a stage were twice as fast", columns, tuple(rows))


def _forecast(forecast: Forecast | None) -> Words:
    if forecast is None:
        return Words(NOTHING)
    divisor, unit = time_unit(forecast.base_ns)
    before, after = (scaled_text(ns, divisor) for ns in (forecast.base_ns, forecast.value_ns))
    interval = interval_text(forecast.low_ns, forecast.high_ns, divisor)
    return Words(f"{before} → {after} {interval} {unit}")
