"""Detectors of the family `code`: one subject a file."""

from __future__ import annotations

from latprof.analysis.diagnosis.code.autograd_enabled import autograd_enabled
from latprof.analysis.diagnosis.code.batching_delay import batching_delay
from latprof.analysis.diagnosis.code.eager_model import eager_model
from latprof.analysis.diagnosis.code.float64_model import float64_model
from latprof.analysis.diagnosis.code.gc_pauses import gc_pauses
from latprof.analysis.diagnosis.code.gil_contention import gil_contention
from latprof.analysis.diagnosis.code.lock_contention import lock_contention
from latprof.analysis.diagnosis.code.rare_stall import rare_stall
from latprof.analysis.diagnosis.code.rebuilt_per_request import rebuilt_per_request
from latprof.analysis.diagnosis.code.recompilation import recompilation
from latprof.analysis.diagnosis.code.regression import regression
from latprof.analysis.diagnosis.code.slow_stage import slow_stage
from latprof.analysis.diagnosis.code.unbatched_calls import unbatched_calls
from latprof.analysis.diagnosis.suspicion import Detector

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    gil_contention,
    lock_contention,
    gc_pauses,
    rare_stall,
    rebuilt_per_request,
    autograd_enabled,
    float64_model,
    eager_model,
    recompilation,
    batching_delay,
    unbatched_calls,
    slow_stage,
    regression,
)
