"""What a replay takes from a run: arrivals, service times by part, and who served."""

from __future__ import annotations

import functools
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.analysis.blocks import load_spans
from latprof.analysis.breakdown import breakdown_of
from latprof.analysis.columns import int64s
from latprof.analysis.identity import Places
from latprof.analysis.lateness import free_late
from latprof.analysis.measured import load_requests
from latprof.analysis.parts import QUEUE, TOTAL, UNTRACKED, columns_of_requests
from latprof.analysis.whatif.engine import Pauses, busy_at
from latprof.run.vocabulary import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["Loop", "Recorded"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Chosen = npt.NDArray[np.bool_]

_INNER_QUEUE = 0.05  # of service time: beyond, a queue inside the service shapes its latency


class Loop(Enum):
    """What decides when the next request comes."""

    OPEN = "a plan"
    CLOSED = "the answer to the last"
    QUERIES = "the answers to a whole query"


class Recorded:
    """A run as a replay sees it: all of its requests, those that failed or warmed up too.

    They all kept workers busy; `measured` says which of them statistics are made of. Arrays are in
    order of arrival, shape `(n,)`, times in ns.

    Args:
        run: What was recorded.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.manifest = run.manifest
        self.requests: Requests = load_requests(run)

    @functools.cached_property
    def measured(self) -> Chosen:
        """Which requests count: answered, in the steady phase."""
        return self.requests.ok & self.requests.steady

    @property
    def count(self) -> int:
        """How many requests count."""
        return int(self.measured.sum())

    @functools.cached_property
    def latencies(self) -> Floats:
        """Response time from the intended instant."""
        return self.requests.latency_ns.astype(np.float64)

    @functools.cached_property
    def services(self) -> Floats:
        """From the start to the answer, at least 1 ns."""
        return np.maximum(self.requests.service_ns, 1).astype(np.float64)

    @functools.cached_property
    def arrivals(self) -> Floats:
        """Intended instants after the first."""
        return (self.requests.intended_ns - self.requests.intended_ns[:1]).astype(np.float64)

    @functools.cached_property
    def gaps(self) -> Floats:
        """From the arrival before to this one; before the first, the mean of them."""
        gaps = np.diff(self.arrivals, prepend=0.0)
        if gaps.size > 1:
            gaps[0] = gaps[1:].mean()
        return gaps

    @functools.cached_property
    def loop(self) -> Loop:
        """What decided when requests came; a queue before the workers tells of a plan."""
        if self.manifest.get("arrivals"):
            return Loop.OPEN
        waits = self.requests.queue_ns.sum() > 0.01 * self.requests.latency_ns.sum()
        return Loop.QUERIES if waits else Loop.CLOSED

    @property
    def at_once(self) -> bool:
        """Whether all requests were there from the beginning: such a load has no rate."""
        return bool(self.arrivals.size > 1 and self.arrivals[-1] == 0)

    @functools.cached_property
    def workers(self) -> int | None:
        """How many requests were served at once; None without a limit, or where not told."""
        workers = self.manifest.get("driver", {}).get("workers")
        return None if workers is None else int(workers)

    @property
    def rate(self) -> float:
        """Arrivals a second, as they came; 0 where there is no telling."""
        n, last = self.arrivals.size, self.arrivals[-1:].sum()
        return float((n - 1) * 1e9 / last) if last > 0 else 0.0

    @property
    def planned_rate(self) -> float:
        """Arrivals a second as the scenario was given, else as they came."""
        planned = self.manifest["scenario"].get("rate")
        return float(planned) if planned else self.rate

    @property
    def busy(self) -> float:
        """How many requests were in service on average, were they to go on coming."""
        return self.rate * float(self.services.mean()) / 1e9 if self.services.size else 0.0

    @functools.cached_property
    def found(self) -> Indices:
        """How many in service each arrival found; one that had to wait found all workers busy."""
        finished = self.arrivals + self.latencies
        return busy_at(self.arrivals, finished, self.workers)

    @functools.cached_property
    def columns(self) -> Mapping[str, Floats]:
        """Self time of each stage, and of "untracked", in each request."""
        spans = load_spans(self.run, self.requests)
        columns = columns_of_requests(spans, self.requests)
        return {name: values.astype(np.float64) for name, values in columns}

    @property
    def parts(self) -> list[str]:
        """The names of what can be made faster."""
        return [name for name in self.columns if name != QUEUE]

    @functools.cached_property
    def inner_waits(self) -> Floats:
        """How long each request waited after a worker had taken it, as a stage `queue` tells."""
        return self.columns[QUEUE] - self.requests.queue_ns

    @property
    def has_inner_queue(self) -> bool:
        """Whether the service has a queue of its own that shapes its latency."""
        return bool(self.inner_waits.sum() > _INNER_QUEUE * self.services.sum())

    @functools.cached_property
    def pauses(self) -> Pauses | None:
        """How long a worker took to begin with each request, had it been idle, and had it not.

        What was not seen of a request is that of the one before it of which it was: a mood of the
        machine holds for neighbours. None where no worker ever took any time to begin.
        """
        seen = free_late(self.requests).astype(np.float64)
        if not seen.any():
            return None
        waited = self.found >= (self.workers or seen.size + 1)
        return Pauses(_carried(seen, ~waited), _carried(seen, waited))

    @functools.cached_property
    def cpu_ns(self) -> float:
        """CPU time of a request on average; what no span covers counts as CPU. NaN if unknown."""
        table = breakdown_of(self.run, self.requests)
        stages = table.drop(index=[QUEUE, UNTRACKED, TOTAL], errors="ignore")
        if not self.count or stages["cpu_share"].isna().all():
            return float("nan")
        service = table.drop(index=[QUEUE, TOTAL])
        spent = service["sum"] * service["cpu_share"].fillna(1.0)
        return float(spent.sum() / self.count)

    def attribute(self, name: str) -> npt.NDArray[np.object_] | None:
        """Return what an attribute was in each request, None where absent; None if no such one."""
        column = ATTRIBUTE_PREFIX + name
        if column not in self.run.table("requests").schema.names:
            return None
        table = self.run.table("requests", ["request_id", column])
        places = Places(int64s(table, "request_id")).of(self.requests.request_id)
        values = np.array(table[column].to_pylist(), dtype=object)
        return values[places]

    def numbers(self, name: str) -> Floats | None:
        """Return a numeric attribute, NaN where absent; None where there is none."""
        column = ATTRIBUTE_PREFIX + name
        schema = self.run.table("requests").schema
        if column not in schema.names or not _is_number(schema.field(column).type):
            return None
        table = self.run.table("requests", ["request_id", column])
        places = Places(int64s(table, "request_id")).of(self.requests.request_id)
        values = table[column].cast(pa.float64()).to_numpy(zero_copy_only=False)[places]
        return np.asarray(values, np.float64)


def _carried(values: Floats, seen: Chosen) -> Floats:
    """Return values where they were seen, elsewhere those of the last, or the first, seen."""
    places = np.flatnonzero(seen)
    if not places.size:
        return np.zeros(values.size)
    last = np.searchsorted(places, np.arange(values.size), side="right") - 1
    return np.asarray(values[places[np.maximum(last, 0)]])


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
