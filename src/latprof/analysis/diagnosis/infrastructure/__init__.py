"""Detectors of the family `infrastructure`: one subject a file."""

from __future__ import annotations

from latprof.analysis.diagnosis.suspicion import Detector

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = ()
