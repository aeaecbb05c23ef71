"""Latency by attribute: which tenants, lengths or versions are slow, and which attribute tells."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from latprof.analysis.grouping import attributes_of, group
from latprof.analysis.measured import load_measured
from latprof.analysis.quantiles import nearest_rank, quantiles
from latprof.errors import UsageError
from latprof.run.vocabulary import ATTRIBUTE_PREFIX

if TYPE_CHECKING:
    from latprof.analysis.grouping import Grouping
    from latprof.run.model import Quantile, Run

__all__ = ["ATTRIBUTES", "COLUMNS", "slices"]

Int64s = npt.NDArray[np.int64]

_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_IDENTIFIES = 0.5  # an attribute with more different words than this share of requests names them

COLUMNS = (
    *("slice", "count", "share", "mean"),
    *(name + end for name in _QUANTILES for end in ("", "_lo", "_hi")),
    *("max", "tail_share", "lift"),
)
"""Columns of the table of one attribute."""

ATTRIBUTES = ("attribute", "kind", "distinct", "explained", "slowest", "lift")
"""Columns of the table of all attributes."""


def slices(run: Run, by: str | None = None, q: float = 0.95) -> pd.DataFrame:
    """Return latency by the values of an attribute, or how much each attribute tells of it.

    Args:
        run: What was recorded; steady, answered requests are grouped.
        by: An attribute, with or without its prefix `attr.`; None compares all of them.
        q: From which quantile of all requests on one counts as slow.

    Returns:
        With `by`, one row a slice: words and flags by frequency, numbers ascending (in five bins
        of as many requests each where they have more than twelve values). `count` and `share` of
        the requests, `mean`, `p50`, `p95`, `p99` of latency in ns with 95 % intervals (NaN where
        the slice cannot carry them), `max`, `tail_share` of all slow requests, and `lift`, how
        many times as often as on average a request of the slice is slow.

        Without `by`, one row an attribute, what tells most first: `explained`, the share of the
        scatter of latency ranks that lies between its slices rather than within them, corrected
        for what chance explains (epsilon squared); the `slowest` slice by its mean and its `lift`.
        Words that name each request anew are left out; `attrs["left_out"]` lists them.

    Raises:
        UsageError: The run has no such attribute, or `q` is not between 0 and 1.

    Source:
        Epsilon squared of the Kruskal-Wallis test: Kelley, "An unbiased correlation ratio
        measure", PNAS 21 (1935).

    Example:
        >>> import latprof as lp
        >>> def serve(tenant):
        ...     lp.annotate(tenant=tenant)
        >>> run = lp.profile(serve, ["acme", "zen"], lp.SingleStream(requests=100), progress=False)
        >>> sorted(run.slices(by="tenant").index)
        ['acme', 'zen']
    """
    if not 0 < q < 1:
        raise UsageError(f"q is {q}: give a share between 0 and 1, such as 0.95")
    if by is None:
        return _attributes(run, q)
    name = _known(run, by)
    measured = load_measured(run)
    grouping = group(run, name, measured.request_id)
    frame = _slices(grouping, measured.latency_ns, q)
    frame.attrs |= {
        "unit": "ns",
        "by": name,
        "kind": grouping.kind,
        "q": q,
        "explained": _explained(grouping, measured.latency_ns),
    }
    return frame


def _known(run: Run, by: str) -> str:
    known = attributes_of(run)
    for name in (by, by.removeprefix(ATTRIBUTE_PREFIX)):
        if name in known:
            return name
    if not known:
        raise UsageError(
            f"no request has an attribute {by!r}, nor any other: add some with "
            "latprof.annotate(name=value) inside the request"
        )
    near = difflib.get_close_matches(by, known, n=1)
    hint = f"did you mean {near[0]!r}" if near else f"choose among {', '.join(sorted(known)[:12])}"
    raise UsageError(f"no request has an attribute {by!r}: {hint}")


def _slices(grouping: Grouping, latency_ns: Int64s, q: float) -> pd.DataFrame:
    slow = _slow(latency_ns, q)
    order = np.argsort(grouping.codes, kind="stable")  # in order of arrival within each
    ends = np.cumsum(np.bincount(grouping.codes, minlength=len(grouping.labels)))
    sizes = np.diff(ends, prepend=0)
    members = (order[end - size : end] for end, size in zip(ends, sizes, strict=True))
    rows = [
        _row(label, latency_ns[at], slow[at], slow)
        for label, at in zip(grouping.labels, members, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[str(row["slice"]) for row in rows])
    whole = dict.fromkeys(("count", "max"), "int64")
    return frame.astype({**dict.fromkeys(COLUMNS[1:], "float64"), "slice": object, **whole})


def _slow(latency_ns: Int64s, q: float) -> npt.NDArray[np.bool_]:
    if not latency_ns.size:
        return np.empty(0, np.bool_)
    rank = nearest_rank(latency_ns.size, q) - 1
    slow: npt.NDArray[np.bool_] = latency_ns > np.partition(latency_ns, rank)[rank]
    return slow


def _row(
    label: str, values: Int64s, slow: npt.NDArray[np.bool_], all_slow: npt.NDArray[np.bool_]
) -> dict[str, object]:
    share, tails = values.size / all_slow.size, int(np.count_nonzero(all_slow))
    tail_share = np.count_nonzero(slow) / tails if tails else np.nan
    row: dict[str, object] = {
        "slice": label,
        "count": values.size,
        "share": share,
        "mean": float(values.mean()),
        "max": int(values.max()),
        "tail_share": tail_share,
        "lift": tail_share / share,
    }
    found = quantiles(values, tuple(_QUANTILES.values()))
    for name, quantile in zip(_QUANTILES, found, strict=True):
        row |= _cells(name, quantile)
    return row


def _cells(name: str, quantile: Quantile) -> dict[str, object]:
    ends = {"": quantile.value_ns, "_lo": quantile.low_ns, "_hi": quantile.high_ns}
    return {name + end: np.nan if value is None else float(value) for end, value in ends.items()}


def _attributes(run: Run, q: float) -> pd.DataFrame:
    measured = load_measured(run)
    latency_ns, rows, left_out = measured.latency_ns, [], []
    ranks, slow = rankdata(latency_ns), _slow(latency_ns, q)
    for name in attributes_of(run):
        grouping = group(run, name, measured.request_id)
        if grouping.kind == "category" and grouping.distinct > _IDENTIFIES * latency_ns.size:
            left_out.append(name)
        elif latency_ns.size:
            rows.append(_attribute(name, grouping, ranks, latency_ns, slow))
    rows.sort(key=lambda row: -float(str(row["explained"])))
    frame = pd.DataFrame(rows, columns=list(ATTRIBUTES), index=[str(r["attribute"]) for r in rows])
    frame.attrs |= {"q": q, "left_out": left_out}
    return frame.astype({"distinct": "int64", "explained": "float64", "lift": "float64"})


def _attribute(
    name: str,
    grouping: Grouping,
    ranks: npt.NDArray[np.float64],
    latency_ns: Int64s,
    slow: npt.NDArray[np.bool_],
) -> dict[str, object]:
    counts = np.bincount(grouping.codes, minlength=len(grouping.labels))
    sums = np.bincount(grouping.codes, latency_ns, len(grouping.labels))
    slowest = int(np.argmax(sums / np.maximum(counts, 1)))
    in_it = np.bincount(grouping.codes, slow, len(grouping.labels))[slowest]
    overall = np.count_nonzero(slow) / slow.size
    return {
        "attribute": name,
        "kind": grouping.kind,
        "distinct": grouping.distinct,
        "explained": _epsilon_squared(grouping, ranks),
        "slowest": grouping.labels[slowest],
        "lift": in_it / counts[slowest] / overall if overall else np.nan,
    }


def _explained(grouping: Grouping, latency_ns: Int64s) -> float:
    return _epsilon_squared(grouping, rankdata(latency_ns)) if latency_ns.size else float("nan")


def _epsilon_squared(grouping: Grouping, ranks: npt.NDArray[np.float64]) -> float:
    """Return the share of the scatter of ranks between groups, 0 where it is that of chance."""
    counts = np.bincount(grouping.codes, minlength=len(grouping.labels))
    filled = counts > 0
    k, n = int(np.count_nonzero(filled)), ranks.size
    whole = float(np.square(ranks - ranks.mean()).sum())
    if k < 2 or n <= k or not whole:
        return 0.0
    means = np.bincount(grouping.codes, ranks, counts.size)[filled] / counts[filled]
    between = float((counts[filled] * np.square(means - ranks.mean())).sum())
    within = (whole - between) / (n - k)
    return max(0.0, (between - (k - 1) * within) / whole)
