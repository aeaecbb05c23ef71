"""Regimes: what state a request found the service in, and what it then took.

One percentile over all requests mixes a cold start with steady work and with work after a pause.
Each answered request belongs to one regime, the first of these that holds:

    cold               one of the first, far slower than what follows (phase `cold`)
    first-seen shape   an input had a shape that no request before it had: engines and compilers
                       build anew (`attr.first_seen_shape`, noted by adapters)
    after ... idle     nothing was served for that long before it: cores clock down, caches go to
                       others (`attr.idle_s` of an `IdleSweep`, else as the instants tell)
    warm-up            before the steady state (phase `warmup`)
    saturated          it found all workers busy, so its latency holds a wait
    steady             all others
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from latprof.analysis.columns import int64s
from latprof.analysis.grouping import attributes_of
from latprof.analysis.identity import Places
from latprof.analysis.lateness import lateness
from latprof.analysis.measured import load_requests
from latprof.analysis.quantiles import quantiles
from latprof.run.vocabulary import ATTRIBUTE_PREFIX, PHASES
from latprof.units import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.measured import Requests
    from latprof.run.model import Quantile, Run

__all__ = ["COLUMNS", "regimes"]

Int64s = npt.NDArray[np.int64]
Chosen = npt.NDArray[np.bool_]

_QUANTILES = {"p50": 0.5, "p95": 0.95}
_TIMES = ("latency", "service")

COLUMNS = (
    *("regime", "count", "share"),
    *(
        f"{time}_{name}{end}"
        for time in _TIMES
        for name in _QUANTILES
        for end in ("", "_lo", "_hi")
    ),
)
"""Columns of the table that `regimes` returns."""

# Users report services that are slow again from pauses of 20 ms on (onnxruntime#17711); shorter
# ones lie between the requests of any closed loop.
_GAPS_NS = (20_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)


def regimes(run: Run) -> pd.DataFrame:
    """Return one row per regime that occurred: how many requests met it, and what they took.

    Args:
        run: What was recorded.

    Returns:
        Indexed by regime, in the order of the module's list. `count` answered requests, their
        `share` of all answered ones; `latency_p50`, `latency_p95` from the intended instant and
        `service_p50`, `service_p95` from the start, each with the ends `_lo`, `_hi` of its 95 %
        interval, in ns (`attrs["unit"]`). NaN where the requests of a regime cannot carry it: a
        p50 takes ten independent ones, a p95 a hundred.

    >>> import latprof
    >>> run = latprof.profile(len, ["a"] * 50, progress=False)
    >>> int(run.regimes()["count"].sum())
    50
    """
    requests = load_requests(run)
    answered = requests.ok
    rows = [
        _row(name, requests.pick(chosen & answered), int(answered.sum()))
        for name, chosen in _told_apart(run, requests)
        if (chosen & answered).any()
    ]
    kinds = dict.fromkeys(COLUMNS[1:], "float64") | {"count": "int64"}
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[row["regime"] for row in rows])
    frame = frame.astype({"regime": object, **kinds})
    frame.attrs["unit"] = "ns"
    return frame


def _told_apart(run: Run, requests: Requests) -> Iterator[tuple[str, Chosen]]:
    """Yield the regimes, each with the requests that no regime before it has."""
    left = np.ones(requests.request_id.size, np.bool_)
    for name, holds in _regimes(run, requests):
        yield name, holds & left
        left &= ~holds


def _regimes(run: Run, requests: Requests) -> Iterator[tuple[str, Chosen]]:
    yield "cold", np.equal(requests.phase, PHASES.index("cold"))
    yield "first-seen shape", _attribute(run, requests, "first_seen_shape") > 0
    yield from _idle(run, requests)
    yield "warm-up", np.equal(requests.phase, PHASES.index("warmup"))
    yield "saturated", _found_busy(requests)
    yield "steady", np.ones(requests.request_id.size, np.bool_)


def _idle(run: Run, requests: Requests) -> Iterator[tuple[str, Chosen]]:
    """Yield the requests before which the service was idle, by how long: the longest first."""
    planned_s = _attribute(run, requests, "idle_s")
    if (planned_s > 0).any():
        for gap_s in np.unique(planned_s[planned_s > 0])[::-1].tolist():
            yield f"after {duration_text(gap_s * 1e9)} idle", planned_s == gap_s
        return
    gaps_ns = _gaps(requests)
    for least_ns, most_ns in reversed([*zip(_GAPS_NS, (*_GAPS_NS[1:], None), strict=True)]):
        until = "" if most_ns is None else f" to {duration_text(most_ns)}"
        yield f"after {duration_text(least_ns)}{until} idle", gaps_ns >= least_ns


def _gaps(requests: Requests) -> Int64s:
    """Return for how long nothing was served before each request; 0 before the first."""
    order = np.argsort(requests.started_ns, kind="stable")
    started, finished = requests.started_ns[order], requests.finished_ns[order]
    gaps = np.zeros_like(started)
    gaps_in_order = started[1:] - np.maximum.accumulate(finished)[:-1]
    gaps[order[1:]] = np.maximum(gaps_in_order, 0)
    return gaps


def _found_busy(requests: Requests) -> Chosen:
    """Tell which requests of an open loop waited for a worker, and not for the load generator."""
    order = np.lexsort((requests.started_ns, requests.worker))
    worker, finished = requests.worker[order], requests.finished_ns[order]
    busy = np.zeros(order.size, np.bool_)
    came = requests.intended_ns + lateness(requests)
    follows = worker[1:] == worker[:-1]
    busy[order[1:]] = follows & (finished[:-1] > came[order[1:]])
    return busy


def _attribute(run: Run, requests: Requests, name: str) -> npt.NDArray[np.float64]:
    """Return a number or flag of each request; NaN where it has none."""
    if name not in attributes_of(run):
        return np.full(requests.request_id.size, np.nan)
    table = run.table("requests", ["request_id", ATTRIBUTE_PREFIX + name])
    column = table[ATTRIBUTE_PREFIX + name]
    if not (pa.types.is_boolean(column.type) or pa.types.is_floating(column.type)):
        return np.full(requests.request_id.size, np.nan)  # a user's own attribute of that name
    places = Places(int64s(table, "request_id")).of(requests.request_id)
    values = column.cast(pa.float64()).to_numpy()
    return np.asarray(values[places], np.float64)


def _row(name: str, requests: Requests, answered: int) -> dict[str, object]:
    row: dict[str, object] = {
        "regime": name,
        "count": requests.request_id.size,
        "share": requests.request_id.size / answered,
    }
    for time, values in zip(_TIMES, (requests.latency_ns, requests.service_ns), strict=True):
        found = quantiles(values, tuple(_QUANTILES.values()))
        for label, quantile in zip(_QUANTILES, found, strict=True):
            row |= _cells(f"{time}_{label}", quantile)
    return row


def _cells(name: str, quantile: Quantile) -> dict[str, object]:
    """Return a percentile with its ends; nothing of one that is not given."""
    if quantile.value_ns is None:
        return dict.fromkeys((name, f"{name}_lo", f"{name}_hi"))
    return {name: quantile.value_ns, f"{name}_lo": quantile.low_ns, f"{name}_hi": quantile.high_ns}
