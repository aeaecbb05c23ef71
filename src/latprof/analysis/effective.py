"""How many independent requests a correlated series is worth.

Requests that pass one queue, one garbage collector or one noisy neighbour resemble those before
them. An interval that counts them as independent is far too narrow: for an M/M/1 queue at
utilisation 0.8, the textbook 95 % interval of the p99 of 20 000 requests holds the true value in
15 of 100 runs, and the 20 000 are worth some 420.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

__all__ = ["effective_groups", "effective_size"]

# Eight long batches see slow swings, thirty-two short ones measure fast ones well; the largest of
# the three answers covers 93-96 % over white noise, AR(1) and queues up to utilisation 0.9.
_BATCHES = (8, 16, 32)

# Batches of fewer say more about chance than about correlation: with 2, one p50 in thirty of 20
# independent requests is withheld; with 3, none is, and AR(1) data are known from 24 requests on.
_SMALLEST_BATCH = 3

# Independent data reach this inflation by chance; below it the series counts as independent.
_BY_CHANCE = 1.3

# The inflation is itself estimated from at most 32 batches: (t(31, 97.5 %) / z(97.5 %)) squared,
# with t = 2.0395 and z = 1.9600, widens the interval by as much as that costs.
_ESTIMATED = (2.0395134 / 1.9599640) ** 2


def effective_size(exceeds: npt.NDArray[np.bool_], p: float) -> float:
    """Return the number of independent values that pin a quantile as well as this series does.

    The variance of the share of exceedances is estimated by batch means and set against the
    `p (1 - p) / n` of independent values; the size shrinks by their ratio.

    Args:
        exceeds: Whether each value exceeds the sample quantile, in arrival order, shape `(n,)`.
        p: Which quantile, in (0, 1).

    Returns:
        Between about 6 and `n`. Below 24 values correlation cannot be told from chance and the
        answer is `n`.

    Source:
        Batch means for correlated output: Conway, "Some tactical problems in digital simulation",
        Management Science 10 (1963); Law, Simulation Modeling and Analysis, ch. 9. The largest of
        three batch counts and the widening were chosen by measured coverage.

    >>> import numpy as np
    >>> effective_size(np.arange(1000) % 10 == 9, 0.9)  # evenly spread: as good as independent
    1000.0
    >>> round(effective_size(np.arange(1000) >= 900, 0.9), 1)  # all exceedances in one spell
    8.3
    """
    counts = [count for count in _BATCHES if exceeds.size >= count * _SMALLEST_BATCH]
    inflation = max((_inflation(exceeds, p, count) for count in counts), default=1.0)
    if inflation <= _BY_CHANCE:
        return float(exceeds.size)
    return exceeds.size / (inflation * _ESTIMATED)


def _inflation(exceeds: npt.NDArray[np.bool_], p: float, count: int) -> float:
    """Return the variance of batch means over that of independent values."""
    size = exceeds.size // count
    batches = exceeds[: size * count].reshape(count, size)
    means = np.count_nonzero(batches, axis=1) / size
    return float(size * means.var(ddof=1) / (p * (1 - p)))


def effective_groups(
    exceeds: npt.NDArray[np.bool_], p: float, sizes: npt.NDArray[np.int64]
) -> float:
    """Return the number of independent values that grouped ones are worth, whatever joins them.

    Groups count as independent of each other, values within one as anything: the variance of the
    share of exceedances is that of a ratio of sums over groups.

    Args:
        exceeds: Whether each value exceeds the sample quantile, group after group, shape `(n,)`.
        p: Which quantile, in (0, 1).
        sizes: How many values each group has, shape `(m,)`, none of them 0.

    Returns:
        Between 1 and `n`; 1 for a single group, which says nothing of any other.

    Source:
        The linearised ratio estimator: Cochran, Sampling Techniques, section 6.4; widened by
        Student's t over the groups.

    >>> import numpy as np
    >>> alike = np.repeat(np.arange(1000) % 10 == 9, 8)  # eight of a kind in each group
    >>> round(effective_groups(alike, 0.9, np.full(1000, 8)))
    997
    """
    groups, n = sizes.size, exceeds.size
    if groups < 2:
        return 1.0
    starts = np.cumsum(sizes) - sizes
    counts = np.add.reduceat(exceeds, starts, dtype=np.int64)
    residuals = counts - counts.sum() / n * sizes
    variance = groups / (groups - 1) * float(np.square(residuals).sum()) / n**2
    widened = variance * (stdtrit(groups - 1, 0.975) / ndtri(0.975)) ** 2
    return max(1.0, n / max(1.0, float(widened) * n / (p * (1 - p))))
