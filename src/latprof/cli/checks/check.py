"""One line of the doctor: what was looked at, what was found, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "State"]


class State(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """latprof works; numbers get better, or more can be told, with the next step."""
    PROBLEM = "problem"
    """latprof cannot work before the next step is taken."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what came out of it."""

    subject: str
    state: State
    finding: str
    next_step: str = ""
