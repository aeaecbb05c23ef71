"""Early stopping: how many queries it takes to be sure of a percentile, as MLPerf computes it.

That `t` of `h + t` independent queries exceed a bound shows, with confidence `c`, that less than
`1 - p` of all do, once `P(Binomial(h + t, 1 - p) <= t) <= 1 - c`.
"""

from __future__ import annotations

from bisect import bisect_left

from scipy.special import betainc

__all__ = ["CONFIDENCE", "most_over", "needed"]

CONFIDENCE = 0.99


def needed(p: float, over: int, confidence: float = CONFIDENCE) -> int:
    """Return how many queries it takes where `over` of them are above the bound.

    Args:
        p: The percentile, in (0, 1).
        over: How many are above, from 0.
        confidence: Of the answer.

    Source:
        MLPerf LoadGen, loadgen/early_stopping.cc, with a tolerance of 0; the binomial tail is
        the regularised incomplete beta function I_p(h, t + 1).

    >>> needed(0.90, 1), needed(0.99, 1)
    (64, 662)
    """
    most = 1
    while _doubt(p, most, over) > 1 - confidence:
        most *= 2
    below = range(1, most + 1)
    h = below[bisect_left(below, 1, key=lambda h: int(_doubt(p, h, over) <= 1 - confidence))]
    return h + over


def most_over(p: float, n: int, confidence: float = CONFIDENCE) -> int:
    """Return how many of `n` queries may be above the bound; 0 where one is too many.

    >>> most_over(0.90, 200)
    10
    """
    allowed = range(1, max(1, int(n * (1 - p)) + 2))
    return bisect_left(allowed, 1, key=lambda over: int(needed(p, over, confidence) > n))


def _doubt(p: float, h: int, over: int) -> float:
    """Return the chance to see so few above the bound where 1 - p of all are."""
    return float(betainc(h, over + 1, p))
