"""What chance does to a prediction: the run resampled in stretches, and predicted from each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["prolonged", "resamples"]

Indices = npt.NDArray[np.intp]

_LONGEST = 20_000  # requests of one resample; of longer runs, the spread is scaled
_EFFORT = 1_000_000  # requests replayed for one band, twice
_FEWEST, _MOST = 40, 100


def resamples(n: int, seed: int = 0) -> tuple[Iterator[Indices], float]:
    """Return runs that could have been: stretches of the real one, drawn and strung together.

    Stretches of about the root of n keep what joins neighbours: a slow spell, a burst.

    Args:
        n: Requests in the run.
        seed: Of the draws.

    Returns:
        Indices into the run, at most 20 000 each; and by how much the scatter of what is computed
        from them is to be multiplied, since a shorter run scatters more.

    Source:
        Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of
        Statistics 17 (1989), with the run joined to a ring.

    >>> several, scale = resamples(1000)
    >>> next(several).size, scale
    (1000, 1.0)
    """
    size = min(n, _LONGEST)
    length = max(1, round(np.sqrt(size)))
    count = int(np.clip(_EFFORT // max(1, size), _FEWEST, _MOST))
    return _drawn(n, size, length, count, seed), float(np.sqrt(size / n)) if n else 1.0


def prolonged(n: int, size: int = 50_000, seed: int = 0) -> Indices:
    """Return one long run that could have been: the scatter of its own p99 is small.

    >>> prolonged(10, 25).size
    25
    """
    return next(_drawn(n, max(n, size), max(1, round(np.sqrt(n))), 1, seed))


def _drawn(n: int, size: int, length: int, count: int, seed: int) -> Iterator[Indices]:
    generator = np.random.default_rng(seed)
    steps = np.arange(length)
    blocks = -(-size // length)
    for _ in range(count):
        begins = generator.integers(0, n, blocks)
        yield ((begins[:, None] + steps) % n).ravel()[:size]
