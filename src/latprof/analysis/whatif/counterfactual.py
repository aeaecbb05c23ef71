"""The recorded requests once more, had each been served faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.replay import starts

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests

__all__ = ["after", "waits_of"]

Floats = npt.NDArray[np.float64]


def waits_of(requests: Requests, services_ns: Floats, workers: int) -> Floats:
    """Return how long each request waits for a worker in a replay, in ns.

    Args:
        requests: All that came, in order of arrival.
        services_ns: How long each takes, shape `(n,)`.
        workers: How many are served at once.
    """
    arrivals = (requests.intended_ns - requests.intended_ns[:1]).astype(np.float64)
    return starts(arrivals, services_ns, workers) - arrivals


def after(
    requests: Requests, saved_ns: Floats, workers: int | None, waited_ns: Floats | None = None
) -> Floats:
    """Return latencies had each request's service been shorter.

    What the recorded queue held beyond a replay of it stays: a hidden wait is not the fix's.

    Args:
        requests: In order of arrival; where they could queue, all that came, since one that failed
            kept a worker busy too.
        saved_ns: By how much each is shorter, shape `(n,)`; at most its service time is taken off.
        workers: How many were served at once, where they came by a plan and could queue; None
            where nothing but the service itself changes.
        waited_ns: `waits_of` the requests as they were, where it is at hand.

    Returns:
        Latencies in ns, shape `(n,)`.
    """
    services = requests.service_ns.astype(np.float64)
    shorter = services - np.clip(saved_ns, 0.0, services)
    waits = requests.queue_ns.astype(np.float64)
    if workers is None:
        return waits + shorter
    before = waits_of(requests, services, workers) if waited_ns is None else waited_ns
    now = waits_of(requests, shorter, workers)
    return np.maximum(waits - (before - now), 0.0) + shorter
