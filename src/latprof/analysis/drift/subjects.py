"""The subjects of a run: when its requests came, what they carried, how long they took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from latprof.analysis.drift.subject import Kind, Subject, categories, numbers, rates, times
from latprof.analysis.grouping import attributes_of, group, numbers_of
from latprof.analysis.measured import load_measured

if TYPE_CHECKING:
    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["SERVICE", "Subjects", "arrivals_of", "gap_variation"]

Floats = npt.NDArray[np.float64]

SERVICE = "service"

# Shifts of the index below it are counted as none: Siddiqi, Credit Risk Scorecards, ch. 8.
_SHIFTED = 0.1
# At 70 % of its capacity a tenth more arrivals raise a queue's p99 by a third.
_RATE = 0.1
# Gaps of variation 1 against 0.5 raise the p99 of a queue at 70 % by a third: half of the way.
_BURSTINESS = 0.25
_SERVICE = 0.05  # the levels of `phases` are one within 5 %

_ARRIVALS_A_BIN = 4  # the root of a count is nearly normal from here on
_MOST_BINS = 500
_GAPS_A_BLOCK = 10
_RESTS = 0.9  # busy share from which on one request after the other is a closed loop
_IDENTIFIES = 0.5  # as in `slices`: with more different words, they name the requests

# Attributes of latprof's own that tell of the service, not of what it was given.
_OF_THE_SERVICE = frozenset(
    (
        *("constructed_modules", "constructed_sessions", "constructed_tokenizers", "device"),
        *("forwards", "generated_tokens", "grad_enabled", "grad_graph", "model_stage"),
        *("output_dtype", "provider", "providers_asked", "recompilations", "training"),
        *("weights_bytes", "weights_dtype"),
    )
)
# And those that count the requests, or what the load did between them.
_OF_THE_LOAD = frozenset(("input", "idle_s", "first_seen_shape"))


class Subjects:
    """What may drift in a run.

    Args:
        run: What was recorded; its measured requests are looked at.

    Attributes:
        left_out: Attributes that name each request anew, or only count up.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.requests: Requests = load_measured(run)
        self.left_out: list[str] = []
        first = self.requests.intended_ns[:1]
        self.when_ns = (self.requests.intended_ns - first).astype(np.float64)

    def arrivals(self) -> Iterator[Subject]:
        """Yield the rate and the burstiness of arrivals, where they were not made by answers."""
        if not _open_loop(self.run, self.requests):
            return
        yield from arrivals_of(self.when_ns)

    def service(self, values_ns: Floats | None = None, name: str = SERVICE) -> Subject:
        """Return the service time of requests, or of what is given in its place."""
        own = self.requests.service_ns.astype(np.float64) if values_ns is None else values_ns
        return times(name, own, self.when_ns, _SERVICE)

    def attributes(self) -> Iterator[Subject]:
        """Yield the attributes of requests."""
        for name in attributes_of(self.run):
            subject = None if name in _OF_THE_LOAD else self.attribute(name)
            if subject is not None:
                yield subject

    def attribute(self, name: str) -> Subject | None:
        """Return one attribute; None where it names the requests, or there is none."""
        if name not in attributes_of(self.run) or not self.requests.request_id.size:
            return None
        kind: Kind = "configuration" if name in _OF_THE_SERVICE else "input"
        grouping = group(self.run, name, self.requests.request_id)
        if grouping.kind == "bins":
            values = numbers_of(self.run, name, self.requests.request_id)
            if _counts_up(values):
                self.left_out.append(name)
                return None
            return numbers(name, kind, values, self.when_ns, _SHIFTED)
        if grouping.distinct > max(1, _IDENTIFIES * self.requests.request_id.size):
            self.left_out.append(name)
            return None
        return categories(name, kind, grouping.codes, grouping.labels, self.when_ns, _SHIFTED)


def _open_loop(run: Run, requests: Requests) -> bool:
    """Return whether requests came when they came, whatever the answers took.

    Where nothing drove them it shows: the next one rarely begins at once when one is answered.
    """
    manifest: dict[str, Any] = run.manifest
    if "driver" in manifest or not requests.request_id.size:
        return manifest.get("arrivals") is not None
    span_ns = int(requests.finished_ns.max() - requests.intended_ns[0])
    overlap = bool((requests.intended_ns[1:] < requests.finished_ns[:-1]).any())
    return overlap or int(requests.service_ns.sum()) < _RESTS * span_ns


def arrivals_of(when_ns: Floats) -> Iterator[Subject]:
    """Yield the rate and the burstiness of arrivals.

    Args:
        when_ns: Instants in order, shape `(n,)`, in ns.
    """
    bins = int(min(_MOST_BINS, when_ns.size // _ARRIVALS_A_BIN))
    span_ns = float(when_ns[-1] - when_ns[0]) if when_ns.size else 0.0
    if bins < 1 or not span_ns:
        return
    counts, edges = np.histogram(when_ns, bins, (when_ns[0], when_ns[-1]))
    yield rates("arrival rate", "1/s", counts / (span_ns / bins) * 1e9, edges[:-1], _RATE)
    variation, at = gap_variation(when_ns)
    yield rates("burstiness", "", variation, at, _BURSTINESS)


def gap_variation(when_ns: Floats) -> tuple[Floats, Floats]:
    """Return the coefficient of variation of each ten gaps, and where they begin."""
    gaps = np.diff(when_ns)
    count = gaps.size // _GAPS_A_BLOCK
    blocks = gaps[: count * _GAPS_A_BLOCK].reshape(count, _GAPS_A_BLOCK)
    means = blocks.mean(axis=1)
    variation: Floats = np.divide(
        blocks.std(axis=1, ddof=1), means, out=np.zeros(count), where=means > 0
    )
    return variation, when_ns[: count * _GAPS_A_BLOCK : _GAPS_A_BLOCK]


def _counts_up(values: Floats) -> bool:
    """Tell a number of the request or an instant from what a request carries."""
    steps = np.diff(values)
    return bool(steps.size and ((steps > 0).all() or (steps < 0).all()))
