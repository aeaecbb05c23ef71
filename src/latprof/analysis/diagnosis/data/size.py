"""How large each request was, and how the time of a stage follows that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Size", "follows", "power", "size_of", "sizes_of"]

Floats = npt.NDArray[np.float64]


class Size(NamedTuple):
    """The size of each measured request.

    Attributes:
        name: Of the attribute that tells it.
        noun: What is counted.
        values: Shape `(n,)`.
    """

    name: str
    noun: str
    values: Floats


_TOLD_BY = (("tokens", "tokens"), ("input_size", "characters, bytes or items"))


def size_of(case: Case) -> Size | None:
    """Return the size of requests: in tokens where those were seen; None where nothing tells it."""
    return next(sizes_of(case), None)


def sizes_of(case: Case) -> Iterator[Size]:
    """Yield all that tells the size: where texts are cut, tokens do not tell how long they were."""
    for name, noun in _TOLD_BY:
        found = case.attribute(name)
        if found is not None and found.numeric and not np.isnan(found.values).any():
            yield Size(name, noun, found.values.astype(np.float64))


def follows(times: Floats, sizes: Floats) -> float:
    """Return the rank correlation of times with sizes (Spearman's); 0 where either is constant."""
    ranks, others = rankdata(times), rankdata(sizes)
    if ranks.std() == 0 or others.std() == 0:
        return 0.0
    return float(np.corrcoef(ranks, others)[0, 1])


def power(times: Floats, sizes: Floats) -> float:
    """Return the power of its size with which a time grows, from 0 to 2.

    The slope of the logarithms between the smaller and the larger half, by their medians: outliers
    in either do not move it. Attention grows with the square at most.
    """
    known = (times > 0) & (sizes > 0)
    times, sizes = times[known], sizes[known]
    if not times.size:
        return 0.0
    order = np.argsort(sizes, kind="stable")
    small, large = np.array_split(order, 2)
    tail = large[-max(1, large.size // 10) :]
    width = np.log(np.median(sizes[tail])) - np.log(np.median(sizes[small]))
    if width <= 0:
        return 0.0
    height = np.log(np.median(times[tail])) - np.log(np.median(times[small]))
    return float(np.clip(height / width, 0.0, 2.0))
