"""Slow inputs: some inputs are slow each time that they come, and not for their size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.data.size import size_of
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.units import count_text, duration_text, share_text

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["slow_inputs"]

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]

_CAUSE = "slow_inputs"
_APART = 3.0  # times the usual time of the stage, and
_OF_REQUEST = 0.5  # of the usual request beyond it
_LEAST_NS = 100_000.0
_MOST = 0.5  # of requests: where more are slow, that is the usual time
_TWICE = 2  # times that an input came, to tell whether it is slow again
_FEWEST = 3  # slow inputs that came again
_AGAIN = 0.8  # of the times that a slow input comes it is slow
_LONGER = 2.0  # times the usual size: then the size may be why


class _Slow(NamedTuple):
    stage: str
    slow: Chosen
    again: float
    inputs: int


def slow_inputs(case: Case) -> Iterator[Suspicion | Cleared]:
    """Suspect inputs that are slow in one stage whenever they come, whatever their size."""
    inputs = case.attribute("input")
    if inputs is None or not inputs.numeric or np.isnan(inputs.values).any():
        yield Cleared(_CAUSE, "requests do not tell which input they took", known=False)
        return
    keys = inputs.values.astype(np.int64)
    found = [each for stage in case.stages if (each := _slow(case, stage, keys)) is not None]
    if not found:
        yield Cleared(_CAUSE, "no stage is slow for the same inputs each time that they come")
        return
    for each in found:
        yield _suspicion(case, each)


def _slow(case: Case, stage: str, keys: npt.NDArray[np.int64]) -> _Slow | None:
    """Return what is slow in a stage and follows the input; None where nothing does."""
    wall = case.wall(stage)
    usual = float(np.median(wall))
    beyond = max(_OF_REQUEST * float(np.median(case.latency)), _LEAST_NS)
    slow: Chosen = wall >= max(_APART * usual, usual + beyond)
    if not 0 < float(slow.mean()) <= _MOST or _is_size(case, slow):
        return None
    _, places = np.unique(keys, return_inverse=True)
    times, slow_times = (np.bincount(places, each) for each in (np.ones(keys.size), slow))
    came_again = (slow_times > 0) & (times >= _TWICE)
    if not came_again.any() or slow_times[came_again].sum() < _FEWEST:
        return None
    # Each slow passage asks all other passages of its input.
    others_slow = (slow_times * (slow_times - 1))[came_again].sum()
    others = (slow_times * (times - 1))[came_again].sum()
    again = float(others_slow / others) if others else 0.0
    return _Slow(stage, slow, again, int(came_again.sum())) if again >= _AGAIN else None


def _is_size(case: Case, slow: Chosen) -> bool:
    size = size_of(case)
    if size is None:
        return False
    return float(np.median(size.values[slow])) >= _LONGER * float(np.median(size.values[~slow]))


def _suspicion(case: Case, found: _Slow) -> Suspicion:
    wall, slow = case.wall(found.stage), found.slow
    usual = float(np.median(wall[~slow]))
    return Suspicion(
        cause=_CAUSE,
        stage=found.stage,
        summary=f"{count_text(found.inputs)} of the inputs are slow there each time that they come",
        evidence=(
            Evidence(
                "slow inputs that are slow when they come again",
                share_text(found.again),
                f"above {share_text(_AGAIN)}",
                "run.slices(by='input')",
            ),
            Evidence(
                f"time of slow inputs in {found.stage}",
                duration_text(float(np.median(wall[slow]))),
                f"the others': {duration_text(usual)}",
                "run.spans",
            ),
            Evidence(
                "requests that are slow", share_text(float(slow.mean())), "below half", "run.spans"
            ),
        ),
        advice="Look at what these inputs miss or set off: a cache, a pattern, a retry",
        refuted_by="send one of them alone, many times: if it is quick, it was not the input",
        after_ns=case.without(np.where(slow, wall - usual, 0.0)),
        level="tail",
    )
