"""Which requests are cold, warm-up and steady, and whether there is a steady state at all.

Nothing is thrown away: every request keeps its times and gets a phase, and statistics choose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from latprof.analysis.levels import Levels, block_size, find_levels
from latprof.analysis.trend import find_trend
from latprof.errors import UsageError
from latprof.run.vocabulary import PHASES
from latprof.units import duration_text

__all__ = ["PhaseResult", "SteadyClass", "phases"]

SteadyClass = Literal["flat", "warm-up", "slowdown", "trend", "no steady state", "too short"]

_COLD, _WARMUP, _STEADY = (PHASES.index(name) for name in ("cold", "warmup", "steady"))

_SAME_LEVEL = math.log(1.05)  # levels within 5 % are one level
_STEADY_PART = 0.4  # a level that fills less of the run than this is only its last whim
_TREND_P = 0.001
# A line that fits this closely is simpler than three levels or more; than two it must fit better.
_LINE_OVER_LEVELS = 1.15
_LINE_OVER_TWO = 1.0
_COLD_MADS = 6
_COLD_SHARE = 0.05  # nor is a request cold that is hardly slower, however quiet the others are
_USUAL = 0.95  # nor one whose like comes again, as in a service that misses a cache now and then
_FEWEST_FOR_COLD = 5  # with fewer, the median is as cold as the rest


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """The phases of a run's requests.

    Attributes:
        codes: Index into `vocabulary.PHASES` of each request in arrival order, shape `(n,)`, int8.
        steady_class: What the run looks like; after the marked requests, where some were marked.
        start: Index of the first steady request; all requests from here on are steady.
        change: Index of the request where the last level begins; 0 where there is one level.
        evidence: What was found, in words.
    """

    codes: npt.NDArray[np.int8]
    steady_class: SteadyClass
    start: int
    change: int
    evidence: str


def phases(
    service_ns: npt.NDArray[np.int64], warmup: Literal["auto"] | int = "auto"
) -> PhaseResult:
    """Tell cold and warm-up requests from steady ones.

    The log of block medians is cut into levels. Walking back from the end while levels stay
    within 5 % of the last gives the start of the steady state, which must fill 40 % of the run.
    Leading requests above the median + 6 MAD of their own level, and slower than 95 % of what
    follows on it, are cold.

    Args:
        service_ns: Service times (`finished - started`) in arrival order, shape `(n,)`. Not
            response times: a queue swings by itself and looks like a change of level.
        warmup: "auto" finds cold and warm-up requests; n marks the first n as warm-up, 0 none.
            The class then describes what follows them.

    Returns:
        Phases and class. Without a steady state (slowdown, trend, no steady state, too short) all
        but the cold requests count as steady: to drop some would only hide the trouble.

    Raises:
        UsageError: `warmup` is neither "auto" nor a whole number of at least 0.

    Source:
        The classes: Barrett et al., "Virtual machine warmup blows hot and cold", OOPSLA 2017.

    >>> import numpy as np
    >>> found = phases(np.r_[np.full(100, 3_000_000), np.full(1400, 1_000_000)])
    >>> found.steady_class, found.start
    ('warm-up', 100)
    """
    marked = _marked(warmup, service_ns.size)
    rest = service_ns[marked:]
    ahead = _short_start(rest) if warmup == "auto" else 0
    levels = find_levels(rest, ahead)
    steady_class, change = _classify(levels)
    cold = 0
    start = marked
    if warmup == "auto":
        cold = max(ahead, _cold(rest, levels))
        start = max(cold, change if steady_class == "warm-up" else 0)
    codes = np.full(service_ns.size, _STEADY, dtype=np.int8)
    codes[:start] = _WARMUP
    codes[:cold] = _COLD
    evidence = _evidence(rest, levels, marked, cold)
    return PhaseResult(codes, steady_class, start, marked + change, evidence)


def _marked(warmup: Literal["auto"] | int, n: int) -> int:
    if warmup == "auto":
        return 0
    if not isinstance(warmup, int) or isinstance(warmup, bool) or warmup < 0:
        raise UsageError(f'warmup is {warmup!r}: give "auto", or how many requests (0 for none)')
    return min(warmup, n)


def _classify(levels: Levels | None) -> tuple[SteadyClass, int]:
    """Return the class and the index of the first request of the last level."""
    if levels is None:
        return "too short", 0
    if _is_line(levels):
        return "trend", 0
    last = _last_level(levels)
    change = levels.first_value(last)
    steady_class = _compare(levels, last)
    if steady_class in ("flat", "warm-up") and _drifts(levels.blocks[levels.edges[last] :]):
        return "trend", change
    return steady_class, change


def _last_level(levels: Levels) -> int:
    """Walk back from the end while levels stay within 5 % of the last."""
    level = len(levels.heights) - 1
    while level > 0 and abs(levels.heights[level - 1] - levels.heights[-1]) <= _SAME_LEVEL:
        level -= 1
    return level


def _compare(levels: Levels, last: int) -> SteadyClass:
    """Set the last level against those before it."""
    if last == 0:
        return "flat"
    before, height = levels.heights[:last], levels.heights[-1]
    if levels.blocks.size - levels.edges[last] >= _STEADY_PART * levels.blocks.size:
        return "warm-up" if before[-1] > height else "slowdown"
    return "slowdown" if max(before) + _SAME_LEVEL < height else "no steady state"


def _drifts(blocks: npt.NDArray[np.float64]) -> bool:
    trend = find_trend(blocks)
    return abs(trend.rise) > _SAME_LEVEL and trend.p_value < _TREND_P


def _is_line(levels: Levels) -> bool:
    """Tell a steady climb, which levels can only follow as a staircase.

    Something is added each second, or each second multiplies it: a line in the times, or in their
    logs.
    """
    count = len(levels.heights)
    if count == 1 or not _drifts(levels.blocks):
        return False
    most = _LINE_OVER_LEVELS if count > 2 else _LINE_OVER_TWO
    times = np.exp(levels.blocks - levels.blocks.max())
    straight = times - find_trend(times).residuals
    in_times = levels.blocks - levels.blocks.max() - np.log(np.maximum(straight, times.min()))
    in_logs = find_trend(levels.blocks).residuals
    line = min(float(np.abs(each).sum()) for each in (in_times, in_logs))
    return line <= most * float(np.abs(levels.residuals).sum())


def _short_start(service_ns: npt.NDArray[np.int64]) -> int:
    """Count the cold requests of a start that is over within a block: too short for a level."""
    cold = _cold(service_ns, None)
    return cold if cold <= block_size(service_ns.size) else 0


def _cold(service_ns: npt.NDArray[np.int64], levels: Levels | None) -> int:
    """Count the leading requests that stand far above the level they begin.

    Their own level, not the whole run: a warm-up of hundreds of requests is not a cold start.
    """
    if service_ns.size < _FEWEST_FOR_COLD:
        return 0
    own = service_ns
    if levels is not None and len(levels.heights) > 1:
        own = service_ns[: levels.first_value(1)]
    median = float(np.median(own))
    spread = _COLD_MADS * float(np.median(np.abs(own - median)))
    limit = median + max(spread, _COLD_SHARE * median)
    slow = int(np.argmax(own <= limit))
    usual = float(np.quantile(own[slow:], _USUAL, method="inverted_cdf"))
    return int(np.argmax(own <= max(limit, usual)))


def _evidence(
    service_ns: npt.NDArray[np.int64], levels: Levels | None, marked: int, cold: int
) -> str:
    parts = [f"{cold} cold"] if cold else []
    if levels is None:
        parts.append(f"{service_ns.size} requests, 40 are needed to tell")
    else:
        parts.extend(_level_texts(levels, marked))
    return "; ".join(parts)


def _level_texts(levels: Levels, marked: int) -> list[str]:
    texts = [
        f"{duration_text(math.exp(height))} from request {marked + levels.first_value(index)}"
        for index, height in enumerate(levels.heights)
    ]
    return texts if len(texts) <= 4 else [*texts[:2], f"{len(texts) - 3} more levels", texts[-1]]
