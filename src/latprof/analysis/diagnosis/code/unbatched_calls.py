"""A model is called row by row for what one call would take together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.code.modelstage import (
    arithmetic_ns,
    computing,
    largest_input,
    model_stage,
    numbers,
)
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["unbatched_calls"]

Floats = npt.NDArray[np.float64]

_CAUSE = "unbatched_calls"
_FEWEST = 4  # calls a request: two or three may be models that follow each other
_SHAPES = 0.5  # of the calls have one of their own, in as many requests: they are of a series
_WORTH = 0.5  # of the time: the arithmetic is a floor that no call reaches


def unbatched_calls(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect many calls of one row each, as far as one call could be quicker at all.

    A call for all rows takes no less than one for a single row, and no less than the arithmetic at
    the speed of this machine's own matrix product, rows of several lengths padded to the longest:
    what remains above both is gained.
    """
    calls, rows, stage = numbers(case, "forwards"), numbers(case, "model_rows"), model_stage(case)
    if calls is None or rows is None or not stage:
        yield Cleared(_CAUSE, "no call of a model was seen", known=False)
        return
    usual = float(np.median(calls))
    if usual < _FEWEST or rows.sum() > calls.sum():
        yield Cleared(_CAUSE, f"the usual request makes {usual:.0f} calls of a model")
        return
    longer = _padding(case, calls)
    if longer is None:
        yield Cleared(
            _CAUSE, "what a model gets grows from call to call: each needs the one before"
        )
        return
    computes, least = computing(case, stage), arithmetic_ns(case)
    if least is None:
        yield Cleared(_CAUSE, "what the arithmetic of a call takes is not known", known=False)
        return
    together = np.maximum(1.0 / np.maximum(calls, 1.0), longer * least / computes)
    share = float(np.median(together))
    if share > _WORTH:
        yield Cleared(_CAUSE, f"one call for all rows would take {share_text(share)} of the time")
        return
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"the model is called {usual:.0f} times in a request, for one row each time",
        evidence=(
            Evidence(
                "calls of a model in the usual request, of one row each",
                f"{usual:.0f}",
                f"at least {_FEWEST}",
                "run.requests, attr.forwards and attr.model_rows",
            ),
            Evidence(
                "least that one call for all rows takes, of the time that they take now",
                share_text(share),
                "below 50 %, by the arithmetic at this machine's speed",
                "run.manifest['calibration']",
            ),
        ),
        advice="Stack the rows and call the model once",
        refuted_by="call it with all rows at once: if that takes as long, batching gains nothing",
        after_ns=case.without(np.maximum(1.0 - together, 0.0) * case.wall(stage)),
    )


def _padding(case: Case, calls: Floats) -> Floats | None:
    """Return how many times as much one call for all rows has to compute, since it pads them.

    None where the calls of most requests must follow each other: where each has one element more,
    as of a text that grows, or where something beside the first input grows, as a cache does.
    """
    shapes, elements = numbers(case, "shapes"), numbers(case, "model_elements")
    if shapes is None or elements is None or float(np.median(shapes)) <= 1.0:
        return np.ones(case.n)
    longest = largest_input(case)
    padded = calls * longest
    grown = padded - calls * (calls - 1) / 2
    follows = (shapes >= _SHAPES * calls) & ((elements == padded) | (elements == grown))
    if float(follows.mean()) >= _SHAPES:
        return None
    return np.asarray(np.maximum(padded / np.maximum(elements, 1.0), 1.0))
