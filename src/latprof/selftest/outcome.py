"""What came out of one check, and what that means for the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Outcome", "State", "judged", "skipped"]


class State(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"
    """It could not be made here; the finding says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one check.

    Attributes:
        state: pass, fail or skip.
        finding: In words: what was found; of a failed check, what is wrong; of a skipped one, why.
        measured: The numbers behind it, as plain data; names carry units.
        warnings: What makes numbers doubtful, and does not make the check fail.
    """

    state: State
    finding: str
    measured: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def judged(
    finding: str,
    problems: Iterable[str],
    measured: Mapping[str, Any] | None = None,
    warnings: Iterable[str] = (),
) -> Outcome:
    """Return a failed check where there are problems, and a passed one where there are none.

    Args:
        finding: What to say where all is well.
        problems: What is wrong.
        measured: The numbers behind it.
        warnings: What is doubtful.
    """
    problems = list(problems)
    state = State.FAIL if problems else State.PASS
    return Outcome(state, "; ".join(problems) or finding, measured or {}, list(warnings))


def skipped(reason: str, measured: Mapping[str, Any] | None = None) -> Outcome:
    """Return a check that could not be made, with the reason."""
    return Outcome(State.SKIP, reason, measured or {})
