"""The hottest frames of each stage: which line the time went to, running and waiting apart.

A share is one of samples, and samples are independent: they are taken at random instants. Its
interval is that of Clopper and Pearson.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from latprof.analysis.frames import Frame, frames_of, own_caller
from latprof.analysis.share import share_interval
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["OUTSIDE", "STATES", "hot_frames", "state_of"]

OUTSIDE = "outside requests"
"""In place of a stage: threads that served no request at that instant."""

STATES = ("gil", "cpu", "off")
"""Held the interpreter's lock; ran without it, in native code; waited for something."""

_CONFIDENCE = 0.95
COLUMNS = (
    *("stage", "state", "frame", "caller", "samples"),
    *("share", "share_lo", "share_hi"),
)


class _Spot(NamedTuple):
    """What samples are counted by: lines of one function, called from one line of its owner."""

    state: str
    function: str
    caller: str


def state_of(*, on_cpu: bool, gil: bool) -> str:
    """Return what a thread did, as one word of `STATES`.

    >>> state_of(on_cpu=True, gil=False)
    'cpu'
    """
    return "gil" if gil else "cpu" if on_cpu else "off"


def hot_frames(run: Run, stage: str | None = None) -> pd.DataFrame:
    """Return which lines the samples of each stage were taken in, most first.

    Args:
        run: A run that was recorded with `stacks=True`.
        stage: Only this one; a name of `run.stages`, `untracked`, or `outside requests`.

    Returns:
        One row per stage, state and place. `state`: `gil` (held the interpreter's lock), `cpu`
        (ran, or was ready to, without it) or `off` (waited). `frame`: the innermost call, with its
        most frequent line. `caller`: the innermost call outside of libraries. `share`: of the
        samples of its stage, with `share_lo` and `share_hi` at 95 %.

    Raises:
        UsageError: The run has no stacks, or no such stage.
    """
    counts, lines = _counted(run)
    if stage is not None and stage not in counts:
        raise UsageError(
            f"no samples in {stage!r}: choose among {', '.join(map(repr, counts)) or 'none'}"
        )
    wanted = counts if stage is None else {stage: counts[stage]}
    rows = [
        _row(each, spot, lines[each, spot], found, sum(spots.values()))
        for each, spots in wanted.items()
        for spot, found in spots.most_common()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _counted(
    run: Run,
) -> tuple[dict[str, Counter[_Spot]], dict[tuple[str, _Spot], Counter[Frame]]]:
    table = run.table("stacks", ["stage", "on_cpu", "gil", "stack"])
    same = Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))
    order = {name: at for at, name in enumerate([*run.stages, "untracked", OUTSIDE])}
    counts: dict[str, Counter[_Spot]] = defaultdict(Counter)
    lines: dict[tuple[str, _Spot], Counter[Frame]] = defaultdict(Counter)
    for (stage, on_cpu, gil, stack), found in same.items():
        frames = frames_of(stack)
        innermost, caller = frames[-1], own_caller(frames)
        spot = _Spot(state_of(on_cpu=on_cpu, gil=gil), innermost.function, caller.function)
        counts[stage or OUTSIDE][spot] += found
        lines[stage or OUTSIDE, spot][innermost] += found
    return dict(sorted(counts.items(), key=lambda each: order[each[0]])), lines


def _row(
    stage: str, spot: _Spot, lines: Counter[Frame], found: int, of: int
) -> tuple[str | int | float, ...]:
    share = found / of
    low, high = share_interval(share, of, _CONFIDENCE)
    frame = str(lines.most_common(1)[0][0])
    return (stage, spot.state, frame, spot.caller, found, share, low, high)
