"""What detectors look at: one run, taken apart request by request, each part read once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprof.analysis.blocks import load_spans
from latprof.analysis.columns import int64s
from latprof.analysis.diagnosis.threads import StageTimes, stage_times
from latprof.analysis.identity import Places
from latprof.analysis.measured import load_requests
from latprof.analysis.parts import QUEUE, UNTRACKED, columns_of_requests
from latprof.analysis.threadtime import UNKNOWN_SHARES, Shares, shares
from latprof.analysis.validity.signals import Samples
from latprof.analysis.whatif.counterfactual import after, waits_of
from latprof.run.vocabulary import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["Attribute", "Case"]

Floats = npt.NDArray[np.float64]

# What a total has grown in half a second says enough, since a suspicion also shows in requests.
_WATCHED_NS = 0.5e9
_MODEL_STAGES = ("h2d", "forward", "d2h", "prefill", "decode")  # the words for it, see DESIGN


class Attribute(NamedTuple):
    """One attribute of the measured requests.

    Attributes:
        values: Shape `(n,)`: floats, NaN where absent; or objects, None where absent.
        numeric: Whether they are numbers; flags are, as 0 and 1.
    """

    values: npt.NDArray[Any]
    numeric: bool


class Case:
    """A run under diagnosis. All arrays are of its measured requests in order of arrival.

    Args:
        run: What was recorded.
        baseline: A run of the same service when it was well; None without one.
    """

    def __init__(self, run: Run, baseline: Run | None = None) -> None:
        self.run = run
        self.manifest: dict[str, Any] = run.manifest
        self.baseline = None if baseline is None else Case(baseline)

    @functools.cached_property
    def answered(self) -> Requests:
        """All answered requests, those of the cold and the warm-up phase too."""
        return self._came.pick(self._came.ok)

    @functools.cached_property
    def requests(self) -> Requests:
        """The measured requests, n of them: answered, in the steady phase."""
        return self.answered.pick(self.answered.steady)

    @property
    def n(self) -> int:
        """How many requests were measured."""
        return int(self.requests.request_id.size)

    @functools.cached_property
    def latency(self) -> Floats:
        """Response time from the intended instant, in ns."""
        return self.requests.latency_ns.astype(np.float64)

    @functools.cached_property
    def service(self) -> Floats:
        """Time from the start to the answer, in ns."""
        return self.requests.service_ns.astype(np.float64)

    @property
    def queue(self) -> Floats:
        """Time before and in the service during which a request only waited, in ns."""
        return self._columns[QUEUE]

    @property
    def stages(self) -> list[str]:
        """Names of the stages, in the order in which they usually begin."""
        return [name for name in self._columns if name not in (QUEUE, UNTRACKED)]

    @property
    def parts(self) -> list[str]:
        """The stages, and "untracked"."""
        return [name for name in self._columns if name != QUEUE]

    def wall(self, part: str) -> Floats:
        """Return the self time of a part in each request, in ns; zeros for one that never ran."""
        return self._columns.get(part, np.zeros(self.n))

    def cpu(self, stage: str) -> Floats | None:
        """Return the CPU time that the threads of a stage took in each request, in ns."""
        times = self._times.get(stage)
        return None if times is None else times.cpu

    def runqueue(self, stage: str) -> Floats | None:
        """Return how long its threads were ready and had no core, in ns."""
        times = self._times.get(stage)
        return None if times is None else times.runqueue

    def blocked(self, stage: str) -> Floats | None:
        """Return how long its threads neither ran nor waited for a core, in ns."""
        times = self._times.get(stage)
        return None if times is None else times.blocked

    def shares(self, stage: str, of: npt.NDArray[np.bool_]) -> Shares:
        """Return how the threads of a stage, or of all for "", spent their time in some requests.

        Args:
            stage: Of "queue" and "untracked" nothing is known.
            of: Which requests, shape `(n,)`.
        """
        own = [each for name, each in self._times.items() if stage in ("", name)]
        if not own:
            return UNKNOWN_SHARES
        waits = [each.runqueue for each in own if each.runqueue is not None]
        return shares(
            sum(float(each.wall[of].sum()) for each in own),
            sum(float(each.cpu[of].sum()) for each in own),
            sum(float(each[of].sum()) for each in waits) if waits else None,
        )

    @functools.cached_property
    def stacks(self) -> pd.DataFrame | None:
        """What was sampled of its threads; None where no stacks were taken."""
        return self.run.stacks if "stacks" in self.manifest["counts"] else None

    @functools.cached_property
    def cores(self) -> float | None:
        """How many cores the process may use, its quota included; None where unknown."""
        usable = self.manifest["environment"].get("cpu", {}).get("usable_cpus")
        return None if usable is None else float(usable)

    @functools.cached_property
    def signals(self) -> Samples:
        """What the process and the machine told of themselves."""
        return Samples.of(self.run, _WATCHED_NS)

    @functools.cached_property
    def attributes(self) -> list[str]:
        """Names of the attributes that requests have."""
        names = self.run.table("requests").schema.names
        start = len(ATTRIBUTE_PREFIX)
        return [name[start:] for name in names if name.startswith(ATTRIBUTE_PREFIX)]

    def attribute(self, name: str) -> Attribute | None:
        """Return one attribute of the measured requests; None where no request has it."""
        if name not in self.attributes:
            return None
        column = ATTRIBUTE_PREFIX + name
        table = self.run.table("requests", ["request_id", column])
        places = Places(int64s(table, "request_id")).of(self.requests.request_id)
        kind = table.schema.field(column).type
        numeric = bool(
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        )
        values = table[column].cast(pa.float64()) if numeric else table[column]
        taken = values.to_numpy(zero_copy_only=False)[places]
        if numeric and np.isnan(taken).all():
            return None
        return Attribute(taken, numeric)

    @functools.cached_property
    def model_stages(self) -> frozenset[str]:
        """The stages in which a model was seen to be called, else those of a name for it."""
        seen = self.attribute("model_stage")
        if seen is not None:
            words = {str(each) for each in set(seen.values.tolist()) - {None}}
            return frozenset(name for word in words for name in word.split(",")) - {""}
        return frozenset(self.stages) & frozenset(_MODEL_STAGES)

    @property
    def open_loop(self) -> bool:
        """Whether requests came by a plan, so that they could queue."""
        return self.manifest.get("arrivals") is not None

    @property
    def workers(self) -> int | None:
        """How many requests were served at once; None without a limit, or where unknown."""
        workers = self.manifest.get("driver", {}).get("workers")
        return None if workers is None else int(workers)

    def without(self, saved_ns: Floats) -> Floats:
        """Return latencies had each request's service been shorter.

        In a closed loop that is all; in an open one the queue before it shrinks too.

        Args:
            saved_ns: By how much, shape `(n,)`; at most the service time is taken off.
        """
        if not self.open_loop or self.workers is None:
            return after(self.requests, saved_ns, None)
        counted = self._came.ok & self._came.steady
        # What else came and held a worker, to fail or to warm up, is mended as the measured are.
        share = float(saved_ns.sum()) / max(float(self.service.sum()), 1.0)
        saved: Floats = self._came.service_ns.astype(np.float64) * share
        saved[counted] = saved_ns
        return after(self._came, saved, self.workers, self._waited)[counted]

    @functools.cached_property
    def _came(self) -> Requests:
        return load_requests(self.run)

    @functools.cached_property
    def _waited(self) -> Floats:
        return waits_of(self._came, self._came.service_ns.astype(np.float64), self.workers or 1)

    @functools.cached_property
    def _columns(self) -> Mapping[str, Floats]:
        spans = load_spans(self.run, self.requests)
        columns = columns_of_requests(spans, self.requests)
        return {name: values.astype(np.float64) for name, values in columns}

    @functools.cached_property
    def _times(self) -> Mapping[str, StageTimes]:
        return stage_times(load_spans(self.run, self.requests), self.n)
