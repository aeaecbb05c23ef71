"""The interval of a share, from a sample that is worth fewer independent values than it has."""

from __future__ import annotations

from scipy.special import betaincinv

__all__ = ["share_interval"]


def share_interval(share: float, n_effective: float, confidence: float) -> tuple[float, float]:
    """Return the exact binomial interval of a share.

    Args:
        share: Found in the sample, from 0 to 1.
        n_effective: Independent values that the sample is worth.
        confidence: Chance that the interval holds the true share.

    Source:
        Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of
        the binomial", Biometrika 26 (1934), as quantiles of beta distributions.

    >>> low, high = share_interval(0.0, 3_000, 0.95)
    >>> low, round(high, 5)
    (0.0, 0.00123)
    """
    miss = (1 - confidence) / 2
    found = share * n_effective
    left = n_effective - found
    low = float(betaincinv(found, left + 1, miss)) if share > 0 else 0.0
    high = float(betaincinv(found + 1, left, 1 - miss)) if share < 1 else 1.0
    return low, high
