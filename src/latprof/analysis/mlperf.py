"""MLPerf's numbers of a run: the metrics of its four scenarios by their exact definitions.

    SingleStream   90th percentile of latency
    MultiStream    99th percentile of the latency of queries, each that of its slowest sample
    Server         99th percentile of latency against a bound (`Poisson` here)
    Offline        samples a second until the last answer

Latency counts from the scheduled instant. A percentile is `sorted[floor(n p)]`, counted from 0,
and by early stopping a safe upper end of it. All requests count, the cold ones too: MLPerf has no
warm-up inside its window. A result for submission has to come from LoadGen itself.

Source:
    mlcommons/inference: loadgen/results.cc, loadgen/early_stopping.cc, mlperf.conf.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import int64s
from latprof.analysis.earlystopping import most_over, needed
from latprof.analysis.effective import effective_size
from latprof.analysis.measured import load_requests
from latprof.errors import UsageError
from latprof.run.mlperf import EarlyStopping, Mlperf, Rule
from latprof.units import count_text, duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["mlperf"]

Int64s = npt.NDArray[np.int64]

_SCENARIOS = {
    "SingleStream": "SingleStream",
    "MultiStream": "MultiStream",
    "Poisson": "Server",
    "Offline": "Offline",
}
_PERCENTILES = {"SingleStream": 0.90, "MultiStream": 0.99, "Server": 0.99}
_REPORTED = (0.50, 0.90, 0.95, 0.97, 0.99, 0.999)
_DURATION_S = 600
_OFFLINE_SAMPLES = 24_576
_SAMPLES = "attr.samples"


@dataclass(frozen=True, slots=True)
class _Load:
    """What the definitions look at: answered queries in arrival order."""

    scenario: str
    latency_ns: Int64s
    finished_ns: Int64s
    intended_ns: Int64s
    samples: int
    missing: int

    @property
    def span_ns(self) -> int:
        """From the first scheduled instant to the last answer."""
        if not self.finished_ns.size:
            return 0
        return int(self.finished_ns.max() - self.intended_ns.min())


def mlperf(run: Run, bound_ms: float | None = None) -> Mlperf:
    """Return MLPerf's metric of a run, with early stopping and the rules of a valid result.

    Args:
        run: Of `SingleStream`, `MultiStream`, `Poisson` or `Offline`.
        bound_ms: Server: what the 99th percentile has to keep below; 15 ms for ResNet-50, 130 ms
            for BERT.

    Raises:
        UsageError: MLPerf has no such scenario, or the bound belongs to another.
    """
    name = run.manifest["scenario"].get("name")
    if name not in _SCENARIOS:
        known = ", ".join(_SCENARIOS)
        raise UsageError(f"MLPerf has no scenario like {name}: record a run of {known}")
    scenario = _SCENARIOS[name]
    if bound_ms is not None and (scenario != "Server" or not 0 < bound_ms < math.inf):
        raise UsageError(f"bound_ms={bound_ms}: give milliseconds above 0, for a run of Poisson")
    return _result(_load(run, scenario), None if bound_ms is None else round(bound_ms * 1e6))


def _load(run: Run, scenario: str) -> _Load:
    requests = load_requests(run)
    if scenario == "MultiStream":
        return _queries(requests, int(run.manifest["scenario"]["samples"]))
    answered = requests.pick(requests.ok)
    return _Load(
        scenario,
        answered.latency_ns,
        answered.finished_ns,
        answered.intended_ns,
        _samples(run) if scenario == "Offline" else answered.request_id.size,
        int(requests.request_id.size - answered.request_id.size),
    )


def _queries(requests: Requests, samples: int) -> _Load:
    """Return the queries all of whose samples were answered; request `i` is of `i // samples`."""
    query = requests.request_id // samples
    count = int(query.max(initial=-1)) + 1
    ends = np.zeros(count, np.int64)
    np.maximum.at(ends, query[requests.ok], requests.finished_ns[requests.ok])
    begins = np.zeros(count, np.int64)
    begins[query] = requests.intended_ns
    whole = np.bincount(query[requests.ok], minlength=count) == samples
    begins, ends = begins[whole], ends[whole]
    missing = int(count - whole.sum())
    return _Load("MultiStream", ends - begins, ends, begins, samples * begins.size, missing)


def _samples(run: Run) -> int:
    """Return how many inputs were answered: requests of `Offline(batch=)` take several."""
    table = run.table("requests")
    answered = np.array(table["status"].to_pylist()) == "ok"
    if _SAMPLES not in table.column_names:
        return int(answered.sum())
    return int(int64s(table, _SAMPLES)[answered].sum())


def _result(load: _Load, bound_ns: int | None) -> Mlperf:
    p = _PERCENTILES.get(load.scenario)
    ordered = np.sort(load.latency_ns)
    stopping, effective = _stopped(load.latency_ns, ordered, p, bound_ns)
    if p is None:
        metric, value = "samples", load.samples * 1e9 / load.span_ns if load.span_ns else 0.0
    else:
        what = "query latency" if load.scenario == "MultiStream" else "latency"
        metric, value = f"p{100 * p:.0f} {what}", float(_percentile(ordered, p) or 0)
    return Mlperf(
        scenario=load.scenario,
        metric=metric,
        value=value,
        percentiles_ns={q: _percentile(ordered, q) or 0 for q in _REPORTED} if ordered.size else {},
        stopping=stopping,
        effective=effective,
        scheduled_rate=_rate(load.intended_ns, load) if load.scenario == "Server" else None,
        completed_rate=_rate(load.finished_ns, load),
        rules=tuple(_rules(load, stopping, effective, bound_ns)),
    )


def _percentile(ordered: Int64s, p: float) -> int | None:
    """Return MLPerf's percentile: `sorted[floor(n p)]`, counted from 0."""
    return int(ordered[math.floor(ordered.size * p)]) if ordered.size else None


def _rate(instants_ns: Int64s, load: _Load) -> float:
    """Return (n - 1) over the last instant, counted from the first scheduled one."""
    if not instants_ns.size:
        return 0.0
    last_ns = int(instants_ns.max() - load.intended_ns.min())
    return (instants_ns.size - 1) * 1e9 / last_ns if last_ns else 0.0


def _stopped(
    latency_ns: Int64s, ordered: Int64s, p: float | None, bound_ns: int | None
) -> tuple[EarlyStopping | None, EarlyStopping | None]:
    """Return early stopping by all queries, and by as many as are independent."""
    n = latency_ns.size
    point = _percentile(ordered, p) if p is not None else None
    if p is None or point is None:
        return None, None
    worth = effective_size(latency_ns > point, p)
    if bound_ns is None:
        return _estimate(ordered, p, n), _estimate(ordered, p, worth)
    over = int((latency_ns > bound_ns).sum())
    return _bounded(over, p, n), _bounded(math.ceil(over * worth / n), p, worth)


def _estimate(ordered: Int64s, p: float, worth: float) -> EarlyStopping:
    """Return the t-th largest value, with the largest t that so many queries allow.

    Where they are worth fewer, each independent one stands for several.
    """
    over = most_over(p, int(worth))
    rank = max(1, math.floor(over * ordered.size / worth)) if over else 0
    value = int(ordered[ordered.size - rank]) if rank else None
    return EarlyStopping(int(worth), needed(p, 1), over, value, met=over > 0)


def _bounded(over: int, p: float, worth: float) -> EarlyStopping:
    enough = needed(p, over)
    return EarlyStopping(int(worth), enough, over, None, met=int(worth) >= enough)


def _rules(
    load: _Load,
    stopping: EarlyStopping | None,
    effective: EarlyStopping | None,
    bound_ns: int | None,
) -> Iterator[Rule]:
    found = duration_text(load.span_ns)
    yield Rule("duration", "600 s", found, load.span_ns >= _DURATION_S * 10**9)
    yield Rule("unanswered", "none", count_text(load.missing), not load.missing)
    if load.scenario == "Offline":
        enough = load.samples >= _OFFLINE_SAMPLES
        yield Rule("samples", count_text(_OFFLINE_SAMPLES), count_text(load.samples), enough)
    named = (("queries", stopping), ("independent queries", effective))
    for name, each in named:
        if each is not None:
            asked = count_text(each.needed)
            if bound_ns is not None:
                asked += f" for {count_text(each.over)} above {duration_text(bound_ns)}"
            yield Rule(name, asked, count_text(each.n), each.met)
