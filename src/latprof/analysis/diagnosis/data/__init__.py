"""Detectors of the family `data`: one subject a file."""

from __future__ import annotations

from latprof.analysis.diagnosis.data.large_payload import large_payload
from latprof.analysis.diagnosis.data.long_inputs import long_inputs
from latprof.analysis.diagnosis.data.padding_waste import padding_waste
from latprof.analysis.diagnosis.data.slow_inputs import slow_inputs
from latprof.analysis.diagnosis.suspicion import Detector

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (long_inputs, padding_waste, large_payload, slow_inputs)
