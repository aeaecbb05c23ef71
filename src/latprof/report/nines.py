"""The axis of nines: 90, 99 and 99.9 % lie equally far apart, so that the tail has room."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from latprof.run.model import Quantile
from latprof.units import counted_text, duration_text

__all__ = ["MARKED", "TICKS", "carried", "curve", "finding", "name", "nines"]

Floats = npt.NDArray[np.float64]

MARKED = (0.5, 0.9, 0.95, 0.99, 0.999)
TICKS = (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
_UNMEASURED = "No request was answered in the steady phase"
_POINTS = 1_500  # ranks drawn, evenly spaced in nines: more than a picture has pixels


def nines(q: float) -> float:
    """Return where on the axis a quantile lies.

    >>> round(nines(0.99), 9)
    2.0
    """
    return -math.log10(1 - q)


def curve(values: Floats) -> tuple[Floats, Floats]:
    """Return `(value, nines)` at ranks that are evenly spaced in nines.

    Each value stands for its own share of the sample, hence the half: the slowest of n is drawn at
    1 - 1/(2n), not at the end of an endless axis.
    """
    ordered = np.sort(values)
    wanted = ordered.size * (1 - 10 ** -np.linspace(0, math.log10(2 * ordered.size), _POINTS))
    ranks = np.unique(np.clip(wanted.astype(np.intp), 0, ordered.size - 1))
    return ordered[ranks], -np.log10(1 - (ranks + 0.5) / ordered.size)


def carried(marked: Sequence[Quantile]) -> float:
    """Return up to how many nines the sample carries: five independent requests beyond."""
    effective = min(quantile.n_effective for quantile in marked)
    shown = (nines(each.q) for each in marked if each.value_ns is not None)
    return max(-math.log10(min(1.0, 5 / effective)), *shown, 0.0)


def finding(marked: Sequence[Quantile]) -> str:
    """Say how far the tail lies from the middle."""
    shown = [quantile for quantile in marked if quantile.value_ns is not None]
    if not shown:
        n = marked[0].n
        return f"{counted_text(n, 'request')}: too few for any percentile" if n else _UNMEASURED
    middle, last = shown[0], shown[-1]
    if middle is last or not middle.value_ns or last.value_ns is None:
        return f"{name(last)} is {duration_text(last.value_ns)}; too few requests for the tail"
    times = last.value_ns / middle.value_ns
    return (
        f"{name(last)} is {times:.1f} times {name(middle)}: "
        f"{duration_text(last.value_ns)} against {duration_text(middle.value_ns)}"
    )


def name(quantile: Quantile) -> str:
    """Return what a quantile is called: p99.9."""
    return f"p{100 * quantile.q:g}"
