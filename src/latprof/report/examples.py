"""A few requests that stand for all: a typical one and those of the tail, with their spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprof.analysis.measured import Requests, load_measured, load_requests
from latprof.analysis.quantiles import nearest_rank
from latprof.analysis.selftime import self_times
from latprof.report.document import one_line
from latprof.run.vocabulary import STATUSES
from latprof.units import duration_text

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["Example", "Span", "examples", "failed_example", "finding", "lanes"]

_SHOWN = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_DEEPEST = 8  # lanes of a request; deeper nesting goes into the last one


class Span(NamedTuple):
    """What a bar shows."""

    stage: str
    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.start_ns


class Example(NamedTuple):
    """A request that is shown.

    Attributes:
        name: What it stands for: "p50", "p99 = slowest".
        request: It alone, shape `(1,)`.
        spans: Its spans, each with its lane.
    """

    name: str
    request: Requests
    spans: list[tuple[Span, int]]

    @property
    def latency_ns(self) -> int:
        """How long it took, from its intended start."""
        return int(self.request.latency_ns[0])


def examples(run: Run) -> list[Example]:
    """Return those at the ranks of p50, p95 and p99, and the slowest, quickest first.

    Of the measured requests; where there are none, of all.
    """
    measured = load_measured(run)
    requests = measured if measured.request_id.size else load_requests(run)
    named = _named(requests)
    chosen = [requests.pick(np.array([at], np.intp)) for at in named.values()]
    spans = _spans_of(run, [int(each.request_id[0]) for each in chosen])
    return [
        Example(name, each, lanes(spans[int(each.request_id[0])]))
        for name, each in zip(named, chosen, strict=True)
    ]


def failed_example(run: Run) -> Example | None:
    """Return the slowest request that failed; None where all were answered."""
    requests = load_requests(run)
    failed = requests.pick(~requests.ok)
    if not failed.request_id.size:
        return None
    chosen = failed.pick(np.array([np.argmax(failed.latency_ns)], np.intp))
    request_id = int(chosen.request_id[0])
    status = STATUSES[int(chosen.status[0])]
    return Example(status, chosen, lanes(_spans_of(run, [request_id])[request_id]))


def _named(requests: Requests) -> dict[str, int]:
    """Return which requests to show, by name: those at the ranks of the quantiles, and the last.

    In a small sample several names fall on one request, which then bears them all.
    """
    order = np.argsort(requests.latency_ns, kind="stable")
    if not order.size:
        return {}
    ranks = {name: nearest_rank(order.size, q) for name, q in _SHOWN.items()}
    ranks["slowest"] = order.size
    names: dict[int, list[str]] = {}
    for name, rank in ranks.items():
        names.setdefault(int(order[rank - 1]), []).append(name)
    if order.size == 1:
        return {"the only one": 0}
    return {" = ".join(each): at for at, each in names.items()}


def _spans_of(run: Run, ids: Sequence[int]) -> dict[int, list[Span]]:
    table = run.table("spans", ["request_id", "stage", "start_ns", "end_ns"])
    table = table.filter(pc.is_in(table["request_id"], pa.array(ids, pa.int64())))
    spans: dict[int, list[Span]] = {each: [] for each in ids}
    for request, *span in zip(*(column.to_pylist() for column in table.columns), strict=True):
        spans[request].append(Span(*span))
    return spans


def lanes(spans: Sequence[Span]) -> list[tuple[Span, int]]:
    """Return each span with its lane: children under their parent, side by side apart.

    In order of their starts, longest first, each goes below all spans that are open around it.

    >>> [lane for _, lane in lanes([Span("a", 0, 9), Span("b", 1, 3), Span("c", 4, 8)])]
    [0, 1, 1]
    """
    laid: list[tuple[Span, int]] = []
    busy_until: list[int] = []
    for span in sorted(spans, key=lambda each: (each.start_ns, -each.end_ns)):
        open_lanes = (lane for lane, end in enumerate(busy_until) if end > span.start_ns)
        lane = min(max(open_lanes, default=-1) + 1, _DEEPEST - 1)
        busy_until += [0] * (lane + 1 - len(busy_until))
        busy_until[lane] = max(busy_until[lane], span.end_ns)
        laid.append((span, lane))
    return laid


def finding(shown: Sequence[Example], spelled: Callable[[str], str] = one_line) -> str:
    """Say which stage makes the slowest request shown slower than the typical one.

    Args:
        shown: What `examples` returned.
        spelled: Makes the name of a stage harmless where the sentence goes.
    """
    if not shown:
        return "No request was recorded"
    first, last = shown[0], shown[-1]
    if first is last:
        return f"One request of {duration_text(first.latency_ns)}"
    before, after = _owned(first), _owned(last)
    grown = {stage: after[stage] - before.get(stage, 0) for stage in after}
    stage = max(grown, key=grown.__getitem__)
    more = duration_text(last.latency_ns - first.latency_ns)
    part = duration_text(grown[stage])
    return f"The slowest request takes {more} longer than p50: {spelled(stage)} +{part}"


def _owned(example: Example) -> Mapping[str, int]:
    """Return how long a request was in each stage, the innermost one counting."""
    request = example.request
    ordered = [span for span, _ in example.spans]
    begin, end = int(request.started_ns[0]), int(request.finished_ns[0])
    starts, ends = (
        np.clip(np.array([span[at] for span in ordered], np.int64), begin, end) for at in (1, 2)
    )
    owned: dict[str, int] = {"queue": int(request.queue_ns[0])}
    for span, own_ns in zip(ordered, self_times(starts, ends).tolist(), strict=True):
        owned[span.stage] = owned.get(span.stage, 0) + own_ns
    return owned | {"untracked": example.latency_ns - sum(owned.values())}
