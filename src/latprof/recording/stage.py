"""The public `stage`."""

from __future__ import annotations

from latprof.recording.core import Stage, stage

__all__ = ["Stage", "stage"]
