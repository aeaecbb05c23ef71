"""What devices did for the stages, beside what the host saw of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.analysis.devicetime import host_bound
from latprof.report.document import Column, Duration, Row, Table, Words, one_line
from latprof.report.stages import records
from latprof.units import time_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["device_table"]

NOTE = (
    "Device: between events on its stream, idle gaps included. Issue: what the host took to hand "
    "that work over. Wall: the host's clock around the stage, with any wait."
)
_TIMES = ("device_mean", "issue_mean", "inclusive_mean")


def device_table(breakdown: pd.DataFrame) -> Table | None:
    """Return means of device time, issue time and wall time by stage; None without a device.

    Args:
        breakdown: What `run.breakdown()` returns, times in nanoseconds.
    """
    timed = breakdown[breakdown["device_mean"].notna()]
    if timed.empty:
        return None
    divisor, unit = time_unit(float(timed[list(_TIMES)].max().max()) / 10)
    bound = host_bound(breakdown)
    per = "request" if (breakdown["stage"] == "total").any() else "span"
    heads = ("device", "issue", "wall")
    return Table(
        title=f"On the device: mean {unit} per {per}",
        columns=(Column("stage", right=False), *map(Column, heads), Column("", right=False)),
        rows=tuple(
            Row(
                cells=(
                    Words(one_line(str(row["stage"]))),
                    *(Duration(float(row[name]), divisor) for name in _TIMES),
                    Words("host-bound" if row["stage"] in bound else ""),
                )
            )
            for row in records(timed)
        ),
        notes=(NOTE,),
    )
