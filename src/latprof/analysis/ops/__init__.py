"""Operators: what a runtime's own profiler says of the inside of the forward pass."""

from __future__ import annotations

from latprof.analysis.ops.annotation import annotate_onnx
from latprof.analysis.ops.ceilings import Ceilings, measure_ceilings, roofline
from latprof.analysis.ops.comparison import compare_ops
from latprof.analysis.ops.hazards import Hazard, HazardCode, lint
from latprof.analysis.ops.live import live_ops
from latprof.analysis.ops.operator import Tensor
from latprof.analysis.ops.reading import openvino_ops, read_ops

__all__ = [
    "Ceilings",
    "Hazard",
    "HazardCode",
    "Tensor",
    "annotate_onnx",
    "compare_ops",
    "lint",
    "live_ops",
    "measure_ceilings",
    "openvino_ops",
    "read_ops",
    "roofline",
]
