"""Why the slow requests are slow: the distance from the median to the tail, taken apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from latprof.analysis.blocks import load_spans
from latprof.analysis.measured import load_requests
from latprof.analysis.occupancy import Occupancy
from latprof.analysis.parts import QUEUE, TOTAL, columns_of_requests
from latprof.analysis.quantiles import nearest_rank, quantiles
from latprof.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latprof.analysis.measured import Requests
    from latprof.run.model import Run

__all__ = ["COLUMNS", "tail"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_TYPICAL = (0.45, 0.55)
_BLOCKS = 32  # stretches of a run, left out in turn to see what chance does
_FEWEST_SLOW = 5  # requests beyond the quantile: with fewer, an interval would be a guess

COLUMNS = (
    *("part", "typical", "tail", "excess", "excess_lo", "excess_hi", "excess_share"),
    *("variance_share", "blame", "blame_lo", "blame_hi", "blame_share"),
)
"""Columns of the table that `tail` returns."""


def tail(run: Run, q: float = 0.99) -> pd.DataFrame:
    """Return what makes slow requests slower than typical ones, part by part.

    Slow are the requests around the `q` quantile of latency (for p99 those between p98.5 and
    p99.5), typical those between p45 and p55. Each column adds up over the parts to its total.

    Args:
        run: What was recorded; steady, answered requests are taken apart.
        q: Which quantile, above 0.55 and below 1.

    Returns:
        Indexed by part: queue, stages, untracked, total. Times in ns (`attrs["unit"]`):

        - `typical`, `tail`: the mean time of the part in either group;
        - `excess` = tail - typical, with the ends of a 95 % interval, and its share of the
          total's;
        - `variance_share`: the part's covariance with the latency over the latency's variance,
          over all requests; negative where the part is short when requests are slow;
        - `blame`: the excess once each wait is counted for the parts that were being served
          meanwhile. Under load `excess` says "queue" and no more; `blame` says who fills it.
          What stays with the queue is waiting while no worker worked.

        `attrs` has `q`, `p50`, `quantile` (both in ns), `band_residual` (their distance less the
        total's excess), `reliable` and, where it is not, `reason`. Empty without requests.

    Raises:
        UsageError: `q` is not between 0.55 and 1.

    Source:
        Shares of a quantile by conditional means: Tasche, "Capital allocation to business units
        and sub-portfolios: the Euler principle" (2007); covariance shares of the variance.
        Intervals by the delete-a-group jackknife: Kott, Journal of Official Statistics 17 (2001).

    Example:
        >>> import latprof as lp
        >>> run = lp.profile(lambda n: sum(range(n)), [10, 20, 5_000], progress=False)
        >>> list(run.tail(q=0.9).index)
        ['queue', 'untracked', 'total']
    """
    if not _TYPICAL[1] < q < 1:
        raise UsageError(f"q is {q}: the tail lies between {_TYPICAL[1]} and 1, such as 0.99")
    requests = load_requests(run)
    counts = requests.ok & requests.steady
    if not counts.any():
        return _framed([])
    measured = requests.pick(counts)
    anatomy = _Anatomy.of(measured.latency_ns, q)
    frame = _framed(list(_rows(run, requests, counts, anatomy)))
    return _described(frame, measured.latency_ns, q)


def _rows(
    run: Run, requests: Requests, counts: npt.NDArray[np.bool_], anatomy: _Anatomy
) -> Iterator[dict[str, object]]:
    measured = requests.pick(counts)
    waits = bool(measured.queue_ns.any())
    occupancy = Occupancy(requests, measured) if waits else None
    named = np.zeros(measured.latency_ns.size)  # of each wait, what some part was served in
    rows = []
    columns = columns_of_requests(load_spans(run, requests), requests)
    _, queue_ns = next(columns)
    for name, part_ns in columns:
        own = part_ns[counts].astype(np.float64)
        waited = occupancy.wait_for(part_ns) if occupancy else np.zeros(own.size)
        named += waited
        rows.append(anatomy.row(name, own, own + waited))
    own = queue_ns[counts].astype(np.float64)
    yield anatomy.row(QUEUE, own, own - named)
    yield from rows
    total = measured.latency_ns.astype(np.float64)
    yield anatomy.row(TOTAL, total, total)


class _Groups(NamedTuple):
    """Two groups of requests, as indices in arrival order."""

    typical: Indices
    slow: Indices

    @classmethod
    def of(cls, order: Indices, q: float) -> _Groups:
        """Return the groups of requests that are given from the fastest to the slowest."""
        half = (1 - q) / 2
        return cls(_band(order, *_TYPICAL), _band(order, q - half, q + half))

    def excess(self, values: Floats) -> float:
        return float(values[self.slow].mean() - values[self.typical].mean())


@dataclass(frozen=True, slots=True)
class _Anatomy:
    """Which requests are typical and which are slow, and how means over them are compared.

    Attributes:
        latency: Centred on its mean.
        groups: Of all requests.
        without: Of the run without each of its stretches, for the intervals.
        scale: The slow requests' excess, which all parts share.
    """

    latency: Floats
    groups: _Groups
    without: list[_Groups]
    scale: float

    @classmethod
    def of(cls, latency_ns: Int64s, q: float) -> _Anatomy:
        order = np.argsort(latency_ns, kind="stable")
        groups = _Groups.of(order, q)
        stretch = order * _BLOCKS // order.size
        enough = order.size * (1 - q) >= _FEWEST_SLOW and order.size >= 2 * _BLOCKS
        left_out = range(_BLOCKS) if enough else range(0)
        without = [_Groups.of(order[stretch != each], q) for each in left_out]
        latency = latency_ns.astype(np.float64)
        return cls(latency - latency.mean(), groups, without, groups.excess(latency))

    def row(self, name: str, own: Floats, blamed: Floats) -> dict[str, object]:
        """Return what is said of one part."""
        variance = float(np.square(self.latency).mean())
        return {
            "part": name,
            "typical": float(own[self.groups.typical].mean()),
            "tail": float(own[self.groups.slow].mean()),
            **self._difference("excess", own),
            "variance_share": float((own * self.latency).mean()) / variance if variance else np.nan,
            **self._difference("blame", blamed),
        }

    def _difference(self, name: str, values: Floats) -> dict[str, object]:
        excess, margin = self.groups.excess(values), self._margin(values)
        return {
            name: excess,
            f"{name}_lo": excess - margin,
            f"{name}_hi": excess + margin,
            f"{name}_share": excess / self.scale if self.scale else np.nan,
        }

    def _margin(self, values: Floats) -> float:
        """Return half the width of a 95 % interval for the excess.

        Neighbours resemble each other, so whole stretches of the run are left out in turn; the
        groups move with each, as the quantiles that bound them are uncertain too.
        """
        count = len(self.without)
        if not count:
            return float("nan")
        excesses = np.array([groups.excess(values) for groups in self.without])
        error = math.sqrt((count - 1) * excesses.var())
        return float(stdtrit(count - 1, 0.975)) * error


def _band(order: Indices, low: float, high: float) -> Indices:
    """Return the requests between two quantiles, in arrival order; one at least."""
    first, last = nearest_rank(order.size, low) - 1, nearest_rank(order.size, high)
    return np.sort(order[first:last])


def _framed(rows: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=[str(row["part"]) for row in rows])
    frame = frame.astype({"part": object, **dict.fromkeys(COLUMNS[1:], "float64")})
    frame.attrs["unit"] = "ns"
    return frame


def _described(frame: pd.DataFrame, latency_ns: Int64s, q: float) -> pd.DataFrame:
    ordered = np.sort(latency_ns)
    median, high = (int(ordered[nearest_rank(ordered.size, each) - 1]) for each in (0.5, q))
    (found,) = quantiles(latency_ns, (q,))
    frame.attrs |= {
        "q": q,
        "p50": median,
        "quantile": high,
        "band_residual": high - median - float(frame["excess"][TOTAL]),
        "n": found.n,
        "n_effective": found.n_effective,
        "reliable": found.reliable,
    }
    if not found.reliable:
        frame.attrs["reason"] = (
            f"{found.n:,} requests, worth {found.n_effective:,.0f} independent ones, leave fewer "
            f"than ten beyond p{100 * q:g}: send more, or take a lower q"
        )
    return frame
