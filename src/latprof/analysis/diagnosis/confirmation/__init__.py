"""Findings put to the proof: the knob that would undo a cause is turned, and the gain measured."""

from __future__ import annotations

from latprof.analysis.diagnosis.confirmation.confirmation import confirmed

__all__ = ["confirmed"]
