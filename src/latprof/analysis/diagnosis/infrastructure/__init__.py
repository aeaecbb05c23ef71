"""Detectors of the family `infrastructure`: one subject a file."""

from __future__ import annotations

from latprof.analysis.diagnosis.infrastructure.blocking_call import blocking_call
from latprof.analysis.diagnosis.infrastructure.clock_throttling import clock_throttling
from latprof.analysis.diagnosis.infrastructure.cpu_contention import cpu_contention
from latprof.analysis.diagnosis.infrastructure.cpu_quota import cpu_quota
from latprof.analysis.diagnosis.infrastructure.idle_wakeup import idle_wakeup
from latprof.analysis.diagnosis.infrastructure.memory_pressure import memory_pressure
from latprof.analysis.diagnosis.infrastructure.provider_fallback import provider_fallback
from latprof.analysis.diagnosis.infrastructure.queueing import queueing
from latprof.analysis.diagnosis.infrastructure.thread_oversubscription import (
    thread_oversubscription,
)
from latprof.analysis.diagnosis.infrastructure.underused_cores import underused_cores
from latprof.analysis.diagnosis.suspicion import Detector

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    cpu_contention,
    cpu_quota,
    thread_oversubscription,
    underused_cores,
    memory_pressure,
    clock_throttling,
    blocking_call,
    queueing,
    idle_wakeup,
    provider_fallback,
)
