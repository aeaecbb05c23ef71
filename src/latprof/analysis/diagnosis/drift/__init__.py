"""Detectors of the family `drift`: one subject a file."""

from __future__ import annotations

from latprof.analysis.diagnosis.drift.cold_start import cold_start
from latprof.analysis.diagnosis.drift.input_drift import input_drift
from latprof.analysis.diagnosis.drift.memory_leak import memory_leak
from latprof.analysis.diagnosis.drift.progressive_slowdown import progressive_slowdown
from latprof.analysis.diagnosis.drift.rate_drift import rate_drift
from latprof.analysis.diagnosis.suspicion import Detector

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    rate_drift,
    input_drift,
    progressive_slowdown,
    memory_leak,
    cold_start,
)
