"""A model is called row by row for what one call would take together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latprof.analysis.diagnosis.code.modelstage import arithmetic_ns, model_stage, numbers
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["unbatched_calls"]

_CAUSE = "unbatched_calls"
_FEWEST = 4  # calls a request: two or three may be models that follow each other
_SHAPES = 0.25  # of the calls: with a shape each they may follow each other, as words of a text
_WORTH = 0.5  # of the time: the arithmetic is a floor that no call reaches


def unbatched_calls(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect many calls of one row each, as far as one call could be quicker at all.

    A call for all rows takes no less than one for a single row, and no less than the arithmetic at
    the speed of this machine's own matrix product: what remains above both is gained.
    """
    calls, rows, stage = numbers(case, "forwards"), numbers(case, "model_rows"), model_stage(case)
    if calls is None or rows is None or not stage:
        yield Cleared(_CAUSE, "no call of a model was seen", known=False)
        return
    usual = float(np.median(calls))
    if usual < _FEWEST or rows.sum() > calls.sum():
        yield Cleared(_CAUSE, f"the usual request makes {usual:.0f} calls of a model")
        return
    shapes = numbers(case, "shapes")
    if shapes is not None and float(np.median(shapes)) > max(1.0, _SHAPES * usual):
        yield Cleared(_CAUSE, "each call has a shape of its own: they may need one another")
        return
    wall, least = case.wall(stage), arithmetic_ns(case)
    if least is None:
        yield Cleared(_CAUSE, "what the arithmetic of a call takes is not known", known=False)
        return
    together_ns = np.maximum(wall / np.maximum(calls, 1.0), least)
    share = float(np.median(together_ns) / max(float(np.median(wall)), 1.0))
    if share > _WORTH:
        yield Cleared(_CAUSE, f"one call for all rows would take {share_text(share)} of the time")
        return
    yield Suspicion(
        cause=_CAUSE,
        stage=stage,
        summary=f"the model is called {usual:.0f} times in a request, for one row each time",
        evidence=(
            Evidence(
                "calls of a model in the usual request, of one row and shape",
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
        after_ns=case.without(np.maximum(wall - together_ns, 0.0)),
    )
