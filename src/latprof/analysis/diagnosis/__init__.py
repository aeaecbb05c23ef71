"""Why a service is slow: detectors over one run, ranked by what each fix would gain."""

from __future__ import annotations

from latprof.analysis.diagnosis.diagnosis import diagnose

__all__ = ["diagnose"]
