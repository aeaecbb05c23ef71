"""The self time of each stage in each call of a duel, from the spans that its folder holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from latprof.analysis.columns import int64s, words
from latprof.analysis.selftime import Line, painting_order, self_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latprof.load.duel.model import Duel

__all__ = ["NEVER", "stages_of_calls"]

Int64s = npt.NDArray[np.int64]

NEVER = -1
"""Stands for the self time of a stage in a call that did not run it."""


def stages_of_calls(duel: Duel) -> Mapping[str, Mapping[str, Int64s]]:
    """Return the self times of the stages of each finished arm.

    Each instant of a call belongs to the innermost open span, where spans run side by side to the
    one that began last; so the stages of a call never add up to more than its latency.

    Args:
        duel: What was measured.

    Returns:
        By arm and stage, in the order in which the arm first came to it: ns, shape `(starts,
        rounds, calls)` as of `Duel.latencies`, `NEVER` where the call did not run the stage.
    """
    own, names = _own_times(duel)
    return {
        arm: {
            name: times
            for name, column in zip(names, own, strict=True)
            if (times := duel.of_arm(arm, column)).max() > NEVER
        }
        for arm in duel.finished
    }


def _own_times(duel: Duel) -> tuple[Int64s, list[str]]:
    """Return self times, shape `(stages, calls)`, and the names of the stages."""
    latency = duel.calls["latency_ns"].to_numpy(np.int64)
    spans = duel.spans
    call, began, ended = (int64s(spans, name) for name in ("call", "start_ns", "end_ns"))
    stage, names = words(spans, "stage")
    line = Line(np.zeros_like(latency), latency)
    start, end = line.places(began, call), line.places(ended, call)
    order = painting_order(start, began, ended, np.arange(call.size))
    own = np.full((len(names), latency.size), NEVER, np.int64)
    own[stage, call] = 0
    np.add.at(own, (stage[order], call[order]), self_times(start[order], end[order]))
    return own, names
