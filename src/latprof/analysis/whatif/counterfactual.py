"""The recorded requests once more, had each been served faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.replay import starts

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = ["after"]

Floats = npt.NDArray[np.float64]


def after(requests: Requests, saved_ns: Floats, workers: int | None) -> Floats:
    """Return latencies had each request's service been shorter.

    What the recorded queue held beyond a replay of it stays: a hidden wait is not the fix's.

    Args:
        requests: In order of arrival.
        saved_ns: By how much each is shorter, shape `(n,)`; at most its service time is taken off.
        workers: How many were served at once, where they came by a plan and could queue; None
            where nothing but the service itself changes.

    Returns:
        Latencies in ns, shape `(n,)`.
    """
    services = requests.service_ns.astype(np.float64)
    shorter = services - np.clip(saved_ns, 0.0, services)
    waits = requests.queue_ns.astype(np.float64)
    if workers is None:
        return waits + shorter
    arrivals = (requests.intended_ns - requests.intended_ns[:1]).astype(np.float64)
    before, now = (starts(arrivals, each, workers) - arrivals for each in (services, shorter))
    return np.maximum(waits - (before - now), 0.0) + shorter
