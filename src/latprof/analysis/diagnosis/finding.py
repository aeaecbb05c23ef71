"""What a diagnosis has found: causes with their evidence and gain, and what was ruled out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latprof.analysis.diagnosis.causes import family_of
from latprof.analysis.diagnosis.gain import Gain
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Level
from latprof.analysis.threadtime import UNKNOWN_SHARES, Shares
from latprof.run.answer import Answer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Diagnosis", "Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One diagnosed cause.

    Attributes:
        cause: A word of the closed vocabulary: `rebuilt_per_request`.
        stage: Where it shows: a stage, "queue", "untracked", or "" for the whole service.
        summary: What is the matter, as a clause.
        evidence: What was measured, the strongest first.
        advice: What to do.
        refuted_by: The experiment that would show it wrong.
        level: Where it shows: `typical`, `tail`, `first`, `trend`, `slice` or `resource`.
        p50: What the fix would gain at the median.
        p99: What it would gain at the 99th percentile.
        held_ns: What its stage takes of the middle request, or at level `tail` on average of those
            beyond the p99; None where that says nothing.
        confidence: `suspect` with one piece of evidence, `likely` with two or more, `confirmed`
            once the knob was turned and the gain measured.
        shares: How the threads of its stage, or of all stages, spent the time there: running,
            ready without a core, blocked. NaN where unknown, as in "queue" and "untracked".
        line: `function (file:line)`, outside of libraries, that its stage was most often in; ""
            without stacks.
        measured_ns: The gain that `confirm=True` has measured at the level; None without it.
    """

    cause: str
    stage: str
    summary: str
    evidence: tuple[Evidence, ...]
    advice: str
    refuted_by: str
    level: Level
    p50: Gain
    p99: Gain
    held_ns: float | None
    confidence: str
    shares: Shares = UNKNOWN_SHARES
    line: str = ""
    measured_ns: float | None = None

    @property
    def family(self) -> str:
        """`data`, `infrastructure`, `drift` or `code`."""
        return family_of(self.cause)

    @property
    def gain(self) -> Gain:
        """The gain at the level where the cause shows."""
        return self.p99 if self.level == "tail" else self.p50

    @property
    def gain_ns(self) -> int:
        """The gain at that level, in ns."""
        return round(self.gain.ns)

    def __str__(self) -> str:
        from latprof.report.diagnosis import line

        return line(self)


@dataclass(frozen=True, repr=False)
class Diagnosis(Answer):
    """Why a service is slow, the likeliest cause first. Made by `Run.diagnose`.

    Attributes:
        target: What was recorded.
        requests: How many measured requests it stands on.
        p50_ns: Their median latency; None without requests.
        p99_ns: Their 99th percentile.
        findings: Causes, those with the largest gain first; none for a healthy service.
        cleared: What was looked for and not found, or could not be known, with the reason.
        doubts: What speaks against trusting the run, in words.
    """

    _told_by = "diagnosis"

    target: str
    requests: int
    p50_ns: float | None
    p99_ns: float | None
    findings: tuple[Finding, ...]
    cleared: tuple[Cleared, ...]
    doubts: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The answer in one or two sentences."""
        from latprof.report.diagnosis import headline

        return headline(self)

    def table(self) -> pd.DataFrame:
        """Return one row a finding, best first.

        Columns: `cause`, `family`, `stage`, `level`, `confidence`; `gain` at that level,
        `p50_before`, `p50_after`, `p50_after_lo`, `p50_after_hi` and the same of `p99`, in ns
        (`attrs["unit"]`); `cpu_share`, `runqueue_share`, `blocked_share` of the time of its
        stage's threads, NaN where unknown; `summary`, `advice`.
        """
        from latprof.report.diagnosis import table

        return table(self)

    def __repr__(self) -> str:
        causes = ", ".join(f"{each.cause} ({each.stage or 'service'})" for each in self.findings)
        return f"<Diagnosis of {self.target}: {causes or 'no finding'}>"
