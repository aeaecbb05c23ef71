"""What a detector says: what it suspects, or that it is not so, or that it cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from latprof.analysis.diagnosis.causes import family_of

if TYPE_CHECKING:
    from latprof.analysis.diagnosis.case import Case

__all__ = ["Cleared", "Detector", "Evidence", "Level", "Suspicion"]

Floats = npt.NDArray[np.float64]
Level = Literal["typical", "tail", "first", "trend", "slice", "resource"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was measured.

    Attributes:
        signal: What: "blocked share of forward".
        value: What it came to: "48 %".
        threshold: From where on it counts: "above 20 %".
        where: Where to see it: "run.breakdown()".
    """

    signal: str
    value: str
    threshold: str
    where: str

    def __str__(self) -> str:
        return f"{self.signal} is {self.value} ({self.threshold}; {self.where})"


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """One cause that a detector holds for likely.

    Attributes:
        cause: One of `causes.CAUSES`.
        stage: Where it shows: a stage, "queue", "untracked", or "" for the whole service.
        summary: A clause that says what is the matter: "its tokenizer is built in every request".
        evidence: What was measured, the strongest first; two independent things make it likely.
        advice: What to do, as a sentence that begins with a verb, without its full stop.
        refuted_by: The experiment that would show it wrong, as a sentence.
        after_ns: Latencies had the fault not been there, shape `(n,)`; those of `before_ns`, each
            at the same place.
        before_ns: The latencies that the fault is in; None for those of all measured requests.
        level: Where it shows: the typical request, the tail, the first requests, a trend, a slice
            of the requests, or a resource that runs out without costing time yet.
        generic: Says that a stage is slow and not why: gives way to what says why.
    """

    cause: str
    stage: str
    summary: str
    evidence: tuple[Evidence, ...]
    advice: str
    refuted_by: str
    after_ns: Floats
    before_ns: Floats | None = None
    level: Level = "typical"
    generic: bool = False

    def __post_init__(self) -> None:
        family_of(self.cause)  # a word outside the vocabulary is a mistake of the detector's


@dataclass(frozen=True, slots=True)
class Cleared:
    """One cause that was looked for and not found.

    Attributes:
        cause: One of `causes.CAUSES`.
        reason: What was measured that speaks against it, or why it cannot be known.
        known: False where it cannot be known.
    """

    cause: str
    reason: str
    known: bool = True

    def __post_init__(self) -> None:
        family_of(self.cause)


Detector = Callable[["Case"], Iterator["Suspicion | Cleared"]]
"""Looks at a case; a pure function."""
