"""What devices did for each stage, and what the host took to issue it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import UNKNOWN, int64s, words
from latprof.analysis.identity import NOWHERE, Places

if TYPE_CHECKING:
    import pandas as pd

    from latprof.run.model import Run

__all__ = ["HOST_BOUND", "DeviceTime", "device_times", "host_bound"]

HOST_BOUND = 0.9
"""Issue time over device time from which on the host sets the pace.

Where the device waits for the host, its time between two marks is the issuing and the last kernel:
the two come close to each other, and issuing exceeds it only by what the marks cost.
"""

_WORTH_NAMING = 0.1  # of all device time; below it, whose pace it is changes nothing


class DeviceTime(NamedTuple):
    """Of one stage, in ns a span: over the spans of which it is known."""

    device_ns: float
    issue_ns: float


def device_times(
    run: Run, request_id: npt.NDArray[np.int64] | None = None
) -> dict[str, DeviceTime]:
    """Return device and issue time by stage; empty where no device was timed.

    Args:
        run: What was recorded.
        request_id: Only the spans of these requests, shape `(n,)`; None for all spans.
    """
    if not run.manifest["counts"].get("device_times"):
        return {}
    table = run.table("spans", ["request_id", "stage", "device_ns", "issue_ns"])
    stage, names = words(table, "stage")
    amounts = [int64s(table, name) for name in DeviceTime._fields]
    counted = amounts[0] != UNKNOWN
    if request_id is not None:
        counted &= Places(request_id).of(int64s(table, "request_id")) != NOWHERE
    spans = np.bincount(stage[counted], minlength=len(names))
    sums = [np.bincount(stage[counted], each[counted], len(names)) for each in amounts]
    return {
        name: DeviceTime(sums[0][code] / spans[code], sums[1][code] / spans[code])
        for code, name in enumerate(names)
        if spans[code]
    }


def host_bound(breakdown: pd.DataFrame) -> list[str]:
    """Return the stages for whose work the device waits, of those that matter to it.

    Args:
        breakdown: What `run.breakdown()` returns.
    """
    device, issue = breakdown["device_mean"], breakdown["issue_mean"]
    whole = (device * breakdown["requests"].clip(lower=1)).fillna(0)
    matters = whole >= _WORTH_NAMING * whole.sum()
    return list(breakdown["stage"][(issue >= HOST_BOUND * device) & matters])
