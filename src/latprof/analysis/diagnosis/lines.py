"""The line of code that some samples were most often taken in, where a run has stacks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.suspicion import Evidence
from latprof.analysis.frames import Frame, frames_of, own_caller
from latprof.units import counted_text

if TYPE_CHECKING:
    import pandas as pd

    from latprof.analysis.diagnosis.case import Case

__all__ = ["SEEN_IN", "HotLine", "hot_line", "line_of_stage"]

SEEN_IN = "run.stacks"
_FEWEST = 5  # samples: fewer name nobody


class HotLine(NamedTuple):
    """A line outside of libraries.

    Attributes:
        place: `function (file:line)`.
        share: Of the samples, in its function or in what that called.
        samples: How many there are.
    """

    place: str
    share: float
    samples: int

    def evidence(self, signal: str) -> Evidence:
        """Return it as the value of what was measured."""
        counts = f"{self.share:.0%} of {counted_text(self.samples, 'sample')}"
        return Evidence(signal, self.place, counts, SEEN_IN)


def hot_line(stacks: pd.Series) -> HotLine | None:
    """Return where samples were most often: the commonest line of the commonest function.

    Args:
        stacks: Of `run.stacks`, one a sample; too few name nobody.
    """
    if len(stacks) < _FEWEST:
        return None
    functions: dict[str, Counter[Frame]] = {}
    for stack, count in Counter(map(str, stacks)).items():
        frame = own_caller(frames_of(stack))
        functions.setdefault(frame.function, Counter())[frame] += count
    lines = max(functions.values(), key=Counter.total)
    return HotLine(str(lines.most_common(1)[0][0]), lines.total() / len(stacks), len(stacks))


def line_of_stage(case: Case, stage: str, of: npt.NDArray[np.bool_]) -> HotLine | None:
    """Return where a stage was most often in some of the measured requests.

    Args:
        case: What is looked at; without stacks there is no line.
        stage: A stage, or "untracked".
        of: Which requests, shape `(n,)`.
    """
    if case.stacks is None:
        return None
    own = case.stacks["request_id"].isin(case.requests.request_id[of])
    return hot_line(case.stacks["stack"][own & (case.stacks["stage"] == stage)])
