"""How many times faster one of two contenders is, how sure that is, and what may be said of it.

What is compared was measured in pairs of rounds: both contenders within moments of each other, so
that the machine's moods are in both and cancel in their ratio. Rounds belong to process starts,
and two starts of the same program differ by about a percent for as long as they live; so starts
are resampled first and rounds within them.

Source:
    Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013 (levels of
    repetition); Davison and Hinkley, Bootstrap Methods and their Application, sections 3.8 and
    2.4 (nested data; percentile intervals); Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from latprof.analysis.quantiles import nearest_rank
from latprof.errors import UsageError

__all__ = [
    "EFFECT",
    "HOPELESS",
    "PART",
    "TAIL_EFFECT",
    "Decision",
    "SpeedUp",
    "adjusted",
    "speed_up",
    "tail_speed_ups",
]

# Two starts of one model differ by 0.9 % (sd) and up to 2.9 %: less than this is not worth a
# verdict. Tails move more: with 5 % a model against itself is told apart in 1 to 3 % of trials.
EFFECT = 0.03
TAIL_EFFECT = 0.05
PART = 0.01  # of the whole, on either side: a smaller part moves nothing that anybody waits for

RESAMPLES = 2_000
TAIL_RESAMPLES = 600  # each sorts all calls
# The least p-value of n resamples is 2 / (n + 1). Holm multiplies it by the number of comparisons,
# and the product has to have room below 5 %.
_RESAMPLES_EACH = 80
CONFIDENCE = 0.95
HOPELESS = 100.0  # times as many rounds: nobody waits for those

Rounds = npt.NDArray[np.float64]


class Decision(StrEnum):
    """What the data say of one quantile."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "no relevant difference"
    OPEN = "inconclusive"


@dataclass(frozen=True, slots=True)
class SpeedUp:
    """How many times faster than the base a contender is at one quantile.

    Attributes:
        q: Which quantile of the latency of a call.
        ratio: Time of the base over time of the contender: above 1 the contender is faster.
        low: Lower end of the 95 % interval.
        high: Upper end.
        p_value: Chance of a ratio at least as far from 1 where there is none, from the same
            resamples; `adjusted` makes it hold for several comparisons together.
        effect: The smallest relative difference that counts.
        decision: What may be said.
        detectable: The smallest relative difference that this many rounds can show: half the
            width of the interval.
        more: Times as many rounds as were made would likely settle it; None where it is settled,
            or where no affordable number would.
    """

    q: float
    ratio: float
    low: float
    high: float
    p_value: float
    effect: float
    decision: Decision
    detectable: float
    more: float | None

    @classmethod
    def of(
        cls, q: float, estimate: float, interval: tuple[float, float], p_value: float, effect: float
    ) -> SpeedUp:
        """Judge a ratio by its interval.

        Args:
            q: Which quantile.
            estimate: Logarithm of the ratio.
            interval: Of that, 95 %.
            p_value: See `p_value`.
            effect: See `effect`.
        """
        low, high = interval
        decision = _decision(estimate, low, high, math.log1p(effect))
        half = (high - low) / 2
        return cls(
            q=q,
            ratio=math.exp(estimate),
            low=math.exp(low),
            high=math.exp(high),
            p_value=p_value,
            effect=effect,
            decision=decision,
            detectable=math.expm1(half),
            more=_more(estimate, half, math.log1p(effect), decision),
        )


def speed_up(
    base: Rounds, other: Rounds, *, effect: float = EFFECT, seed: int = 0, together: int = 1
) -> SpeedUp:
    """Compare the medians of paired rounds.

    The estimate is the mean over starts of the median over rounds of the log ratio: the median
    shrugs off a stalled round, the mean over starts makes use of each of them.

    Args:
        base: Median latency of each round of the base, in any unit, shape `(starts, rounds)`.
        other: The same for the contender, round by round beside it.
        effect: Smallest relative difference that counts.
        seed: Of the resampling.
        together: How many comparisons `adjusted` will take together.

    Raises:
        UsageError: The shapes differ, or there is nothing, or a time is not above 0.

    >>> import numpy as np
    >>> rounds = np.linspace(1.0, 1.5, 60).reshape(3, 20)
    >>> found = speed_up(rounds, rounds / 1.2)
    >>> found.decision.value, round(found.ratio, 3)
    ('faster', 1.2)
    """
    _check(base, other, dimensions=2)
    logs = np.log(base) - np.log(other)
    resamples = max(RESAMPLES, _RESAMPLES_EACH * together)
    starts, rounds = _draws(logs.shape[0], logs.shape[1], resamples, seed)
    resampled = np.median(logs[starts[:, :, None], rounds], axis=2).mean(axis=1)
    return _judged(0.5, float(np.median(logs, axis=1).mean()), resampled, effect)


def tail_speed_ups(
    base: Rounds,
    other: Rounds,
    qs: Sequence[float] = (0.95, 0.99),
    *,
    effect: float = TAIL_EFFECT,
    seed: int = 0,
    together: int = 1,
) -> list[SpeedUp]:
    """Compare quantiles of the pooled calls; pairs of rounds are resampled as wholes.

    A round holds too few calls for a tail of its own, so the ratio is that of the pooled
    quantiles, and the calls of a round stay together, as a stall hits several of them. A
    difference counts where the whole interval lies beyond the effect: stalls come in spells, one
    start may meet more of them than another, and three starts tell too little of that. (With the
    rule for medians, 3 of 40 duels of a model against itself were told apart at p95.)

    Args:
        base: Latency of each call of the base, shape `(starts, rounds, calls)`.
        other: The same for the contender.
        qs: Which quantiles.
        effect: Smallest relative difference that counts.
        seed: Of the resampling.
        together: How many comparisons `adjusted` will take together.

    Raises:
        UsageError: The shapes differ, or there is nothing, or a time is not above 0.
    """
    _check(base, other, dimensions=3)
    ranks = [nearest_rank(base.size, q) - 1 for q in qs]
    resamples = max(TAIL_RESAMPLES, _RESAMPLES_EACH * together)
    starts, rounds = _draws(base.shape[0], base.shape[1], resamples, seed)
    logs = _quantile_logs(base, ranks) - _quantile_logs(other, ranks)
    resampled = np.array(
        [
            _quantile_logs(base[s[:, None], r], ranks) - _quantile_logs(other[s[:, None], r], ranks)
            for s, r in zip(starts, rounds, strict=True)
        ]
    )
    found = [_judged(q, logs[at], resampled[:, at], effect) for at, q in enumerate(qs)]
    return [_strictly(each) for each in found]


def adjusted(found: Sequence[SpeedUp]) -> list[SpeedUp]:
    """Return comparisons that were made together, as sure together as each was alone (Holm).

    A difference that was only seen because many were looked at becomes inconclusive.
    """
    order = sorted(range(len(found)), key=lambda at: found[at].p_value)
    values: dict[int, float] = {}
    largest = 0.0
    for place, at in enumerate(order):
        largest = max(largest, min(1.0, found[at].p_value * (len(found) - place)))
        values[at] = largest
    return [_at_level(each, values[at]) for at, each in enumerate(found)]


def _at_level(found: SpeedUp, p_value: float) -> SpeedUp:
    doubtful = p_value > 1 - CONFIDENCE and found.decision in (Decision.FASTER, Decision.SLOWER)
    if not doubtful:
        return replace(found, p_value=p_value)
    return replace(found, p_value=p_value, decision=Decision.OPEN, more=2.0)


def _strictly(found: SpeedUp) -> SpeedUp:
    """Believe a difference only where the whole interval lies beyond the effect."""
    sure = found.low > 1 + found.effect or found.high < 1 / (1 + found.effect)
    if sure or found.decision not in (Decision.FASTER, Decision.SLOWER):
        return found
    half = math.log(found.high / found.low) / 2
    more = _more(math.log(found.ratio), half, math.log1p(found.effect), Decision.OPEN)
    return replace(found, decision=Decision.OPEN, more=more)


def _check(base: Rounds, other: Rounds, dimensions: int) -> None:
    if base.shape != other.shape or base.ndim != dimensions or base.size == 0:
        raise UsageError(
            f"paired rounds have one shape of {dimensions} dimensions that are not empty; "
            f"got {base.shape} and {other.shape}"
        )
    if not (np.min(base) > 0 and np.min(other) > 0):
        raise UsageError("latencies are above 0: a clock that stood still cannot be compared")


def _draws(
    starts: int, rounds: int, resamples: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return drawn starts and rounds, of shapes `(resamples, starts)` and `(..., rounds)`."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(starts, size=(resamples, starts)),
        rng.integers(rounds, size=(resamples, starts, rounds)),
    )


def _quantile_logs(calls: Rounds, ranks: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the logs of nearest-rank quantiles of all calls together."""
    return np.log(np.partition(calls, ranks, axis=None)[list(ranks)])


def _judged(q: float, estimate: float, resampled: Rounds, effect: float) -> SpeedUp:
    miss = (1 - CONFIDENCE) / 2
    low, high = (float(each) for each in np.quantile(resampled, (miss, 1 - miss)))
    beyond = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    p_value = min(1.0, 2 * (int(beyond) + 1) / (len(resampled) + 1))
    return SpeedUp.of(q, estimate, (low, high), p_value, effect)


def _decision(estimate: float, low: float, high: float, least: float) -> Decision:
    if low > 0 and estimate > least:
        return Decision.FASTER
    if high < 0 and estimate < -least:
        return Decision.SLOWER
    return Decision.SAME if -least < low and high < least else Decision.OPEN


def _more(estimate: float, half: float, least: float, decision: Decision) -> float | None:
    """Return how many times as many rounds make the interval narrow enough for an answer.

    That is, its half as wide as the estimate is from the line between two answers. An estimate
    that lies on the line would take for ever, so half the effect is narrow enough: few true
    differences are that close to it. An interval shrinks with the square root of the rounds.
    """
    if decision is not Decision.OPEN:
        return None
    factor = (half / max(least / 2, abs(abs(estimate) - least))) ** 2
    return None if factor > HOPELESS else max(factor, 1.1)
