"""The items of targets that yield: when the first one came, and how fast the others followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.streaming import streaming, streams
from latprof.report.document import Column, Duration, Row, Table, Words
from latprof.report.stages import known, quantile_cell, records
from latprof.units import count_text, counted_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["items_table"]

NOTE = (
    "ttft: until the first item. tpot_excl_first: (last - first) / (items - 1), one a request. "
    "chunk_gap: from item to item, all gaps. e2e: until the end. "
    "from_schedule counts the wait before the start."
)


def items_table(run: Run) -> Table | None:
    """Return when items came, one row a metric; None for a run whose target does not yield.

    Args:
        run: A finished run.
    """
    table = streaming(run) if streams(run) else None
    if table is None or table.empty:
        return None
    largest_ns = table[["mean", "p50", "p95", "p99"]].max().max()
    divisor, unit = time_unit(float(largest_ns) / 10)
    heads = ("n", "mean", "p50 [95 %]", "p95", "p99 [95 %]")
    items = counted_text(table.attrs["items"], "item")
    requests = counted_text(int(table["requests"].max()), "request")
    return Table(
        title=f"Items: {items} of {requests}, {unit}",
        columns=(Column("metric", right=False), *map(Column, heads)),
        rows=tuple(
            Row(
                cells=(
                    Words(str(row["metric"])),
                    Words(count_text(int(row["count"]))),
                    Duration(known(row["mean"]), divisor),
                    quantile_cell(row, "p50", divisor),
                    Duration(known(row["p95"]), divisor),
                    quantile_cell(row, "p99", divisor),
                )
            )
            for row in records(table)
        ),
        notes=(NOTE,),
    )
