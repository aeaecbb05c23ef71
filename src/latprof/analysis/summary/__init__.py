"""What a model consists of, without timing it: layers, parameters, multiply-adds, bytes."""

from __future__ import annotations

from latprof.analysis.summary.reading import summarize

__all__ = ["summarize"]
