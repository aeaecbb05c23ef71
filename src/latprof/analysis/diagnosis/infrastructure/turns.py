"""Whether requests go through a stage one at a time: then they wait for each other, in a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["takes_turns"]

_TOGETHER = 1.5  # requests in service on average: with fewer, nobody has to wait
_EVEN = 0.4  # of the mean distance: of ends that do not mind each other, a tenth is nearer than 0.1


def takes_turns(case: Case) -> bool:
    """Return whether requests that are served at once leave at even distances.

    Behind a lock each leaves when the one before has left and its own work is done, so no two ends
    are close together; calls that do not wait for each other end whenever they end.
    """
    requests = case.answered
    span_ns = float(requests.finished_ns.max() - requests.started_ns.min())
    if float(requests.service_ns.sum()) < _TOGETHER * span_ns or requests.request_id.size < 20:
        return False
    distances = np.diff(np.sort(requests.finished_ns))
    return bool(np.quantile(distances, 0.1) >= _EVEN * distances.mean())
