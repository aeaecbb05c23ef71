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

_IDS = ("request_id", "span_id", "parent_id")
_WORTH_NAMING = 0.1  # of all device time; below it, whose pace it is changes nothing


class DeviceTime(NamedTuple):
    """Of one stage.

    Attributes:
        spans: How many there are, without those inside another of the stage, whose time has theirs.
        device_ns: Mean of a span, over those of which it is known.
        issue_ns: The same, of the time to issue.
    """

    spans: int
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
    table = run.table("spans", [*_IDS, "stage", "device_ns", "issue_ns"])
    stage, names = words(table, "stage")
    request, span, parent = (int64s(table, name) for name in _IDS)
    around = Places(span).of(parent)
    counted = (around == NOWHERE) | (stage[around] != stage)
    if request_id is not None:
        counted &= Places(request_id).of(request) != NOWHERE
    device_ns, issue_ns = int64s(table, "device_ns"), int64s(table, "issue_ns")
    known = counted & (device_ns != UNKNOWN)
    spans, timed = (np.bincount(stage[each], minlength=len(names)) for each in (counted, known))
    sums = [np.bincount(stage[known], each[known], len(names)) for each in (device_ns, issue_ns)]
    return {
        name: DeviceTime(int(spans[code]), *(float(each[code] / timed[code]) for each in sums))
        for code, name in enumerate(names)
        if timed[code]
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
