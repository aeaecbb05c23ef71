"""How far a run can be trusted: typed reasons, each with what was measured and what to do."""

from __future__ import annotations

from latprof.analysis.validity.judgement import judge

__all__ = ["judge"]
