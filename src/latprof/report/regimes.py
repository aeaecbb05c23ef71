"""What requests took by the state that they found the service in: after which pause, when cold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.regimes import regimes
from latprof.report.document import Column, Row, Table, Words
from latprof.report.stages import quantile_cell, records
from latprof.units import count_text, time_unit

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["regimes_table"]

NOTE = "Time from the start of a request, without its wait. A p50 takes 10 requests, a p95 100."


def regimes_table(run: Run) -> Table | None:
    """Return one row per regime of a run that tells what a pause costs; None for other runs.

    Args:
        run: A finished run.
    """
    if run.manifest["scenario"].get("name") != "IdleSweep":
        return None
    table = regimes(run)
    if table.empty:
        return None
    largest_ns = table[["service_p50", "service_p95"]].max().max()
    divisor, unit = time_unit(float(largest_ns) / 10)
    return Table(
        title=f"By what came before a request, {unit}",
        columns=(Column("", right=False), *map(Column, ("requests", "p50 [95 %]", "p95 [95 %]"))),
        rows=tuple(
            Row(
                cells=(
                    Words(str(row["regime"])),
                    Words(count_text(int(row["count"]))),
                    quantile_cell(row, "service_p50", divisor),
                    quantile_cell(row, "service_p95", divisor),
                )
            )
            for row in records(table)
        ),
        notes=(NOTE,),
    )
