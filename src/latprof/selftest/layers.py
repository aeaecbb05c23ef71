"""Check 8: the times of an engine's layers add up to its forward pass. Not yet run on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from latprof.analysis.ops.live import live_ops
from latprof.selftest import networks
from latprof.selftest.outcome import Outcome, judged

if TYPE_CHECKING:
    from latprof.backends.tensorrt import EngineModel
    from latprof.selftest.bench import Bench

__all__ = ["layers_add_up"]

LOW, HIGH = 0.7, 1.3
NAME = "transformer"


def layers_add_up(bench: Bench) -> Outcome:
    """Compare the sum of the layers, as TensorRT's profiler has them, with a plain forward pass.

    Outside of the bounds this warns: what was fused out of the profiler's sight need not add up.
    """
    with bench.model("tensorrt", NAME, aux_streams=0) as model:  # else layers run beside each other
        inputs = {networks.INPUT: networks.inputs(NAME, networks.BATCHES[1])}
        times = cast("EngineModel", model).layers(inputs)
        inflation = live_ops(model, inputs).attrs["inflation"]
    measured: dict[str, Any] = {
        "layers": len(times.layers),
        "forward_ns": times.forward_ns,
        "sum_of_forward": times.ratio,
        "profiler_inflation": inflation,
    }
    problems, warnings = [], []
    if not times.ratio > 0:
        problems.append("the profiler gave no time to any layer")
    elif not LOW <= times.ratio <= HIGH:
        warnings.append(f"layers add up to {times.ratio:.2f} of a pass: read shares, not times")
    finding = (
        f"{len(times.layers)} layers add up to {times.ratio:.2f} of a forward pass; the profiler "
        f"makes a call {inflation:.2f} times as long"
    )
    return judged(finding, problems, measured, warnings)
