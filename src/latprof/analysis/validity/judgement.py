"""The verdict on a run: that of its gravest reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from latprof.analysis.validity import clocks, generator, host, record, sample, stages, steadiness
from latprof.analysis.validity.facts import INVALID, NOTE, WARN, Facts
from latprof.run.model import Reason, Validity

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["judge"]

_GRAVITY = (NOTE, WARN, INVALID)

_CHECKS: tuple[Callable[[Facts], Iterator[Reason]], ...] = (
    record.nothing,
    record.failed,
    record.dropped,
    record.overflow,
    record.cut_short,
    generator.late,
    generator.behind,
    steadiness.unsteady,
    sample.few,
    host.contended,
    host.throttled,
    host.stolen,
    host.short_of_memory,
    clocks.suspended,
    clocks.stepped,
    generator.paced_in_process,
    generator.unsorted,
    stages.untracked,
    stages.issues_slowly,
    stages.device_problem,
)


def judge(run: Run) -> Validity:
    """Return the verdict on a run: that of its gravest reason.

    Reasons of severity VALID are notes: they lower nothing, but the reader should know.

    Args:
        run: What was recorded.
    """
    facts = Facts.of(run)
    found = [reason for check in _CHECKS for reason in check(facts)]
    reasons = sorted(found, key=lambda reason: -_GRAVITY.index(reason.severity))
    return Validity(reasons[0].severity if reasons else NOTE, tuple(reasons))
