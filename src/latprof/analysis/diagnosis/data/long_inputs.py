"""Long inputs: a few requests are many times as long as the others, and make the tail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.data.size import Size, follows, power, size_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["long_inputs"]

Floats = npt.NDArray[np.float64]

_CAUSE = "long_inputs"
_FOLLOWS = 0.5  # rank correlation of time and length (METHODS, section 8)
# The lengths of texts that people write are spread like a lognormal: of film reviews on the web,
# one in a hundred is five times as long as the middle one, and such a service is made for those.
# Inputs are of another kind where nothing lies between them and the rest, or beyond that spread.
_LONG = 4.0
_APART = 1.5  # times the longest of the others
_BEYOND, _LONGEST = 7.0, 0.99  # times the middle one, one in a hundred
_CAP = 2.0  # times the middle length: where a bucket or a cut would lie
_SHARE = 0.2  # of requests: where more are long, it is what the service is for
_SLOW = 0.95  # from which quantile of latency on a request is slow
_OF_SLOW = 0.5  # of them are long


def long_inputs(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect the length of inputs where slow requests are the long ones."""
    size = size_of(case)
    if size is None:
        yield Cleared(_CAUSE, "no request tells how long its input was", known=False)
        return
    middle = float(np.median(size.values))
    is_long = size.values >= _LONG * middle
    share = float(is_long.mean())
    if not 0 < share <= _SHARE or not _is_another_kind(size.values, is_long, middle):
        reason = f"{share_text(share)} of the inputs are {_LONG:g} times the middle one or longer"
        yield Cleared(_CAUSE, f"{reason}, as texts are spread")
        return
    slow = case.service >= np.quantile(case.service, _SLOW)
    of_slow = float(is_long[slow].mean())
    stage = max(case.parts, key=lambda part: _excess(case.wall(part), is_long))
    correlation = follows(case.wall(stage), size.values)
    if of_slow < _OF_SLOW or correlation < _FOLLOWS:
        yield Cleared(_CAUSE, f"{share_text(of_slow)} of slow requests have long inputs")
        return
    saved = _saved(case.wall(stage), size.values, _CAP * middle)
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"{share_text(share)} of the inputs are {_LONG:g} times as long as the middle one "
        "or longer, and these are the slow requests",
        evidence=tuple(_evidence(size, middle, slow, of_slow, correlation, stage)),
        advice=f"Cut inputs at some {_CAP * middle:,.0f} {size.noun}, or send the long ones "
        "elsewhere",
        refuted_by="send the long ones alone: if they take no longer, it is not their length",
        after_ns=case.without(saved),
        level="tail",
    )


def _is_another_kind(sizes: Floats, is_long: npt.NDArray[np.bool_], middle: float) -> bool:
    long, others = sizes[is_long], sizes[~is_long]
    if long.min() >= _APART * others.max():
        return True
    return float(np.quantile(sizes, _LONGEST)) >= _BEYOND * middle


def _evidence(
    size: Size,
    middle: float,
    slow: npt.NDArray[np.bool_],
    of_slow: float,
    correlation: float,
    stage: str,
) -> Iterator[Evidence]:
    where = f"run.slices(by={size.name!r})"
    yield Evidence(
        "slow requests with a long input", share_text(of_slow), "half of them or more", where
    )
    yield Evidence(
        f"rank correlation of length and time in {stage}", f"{correlation:.2f}", "above 0.5", where
    )
    yield Evidence(
        "length of slow requests",
        f"{np.median(size.values[slow]):,.0f} {size.noun}",
        f"the middle one's: {middle:,.0f}",
        where,
    )


def _excess(wall: Floats, is_long: npt.NDArray[np.bool_]) -> float:
    return float(wall[is_long].mean() - wall[~is_long].mean())


def _saved(wall: Floats, sizes: Floats, cap: float) -> Floats:
    """Return what each request would save if its length were cut at `cap`."""
    kept = np.minimum(cap / np.maximum(sizes, 1.0), 1.0) ** power(wall, sizes)
    return np.asarray(wall * (1.0 - kept))
